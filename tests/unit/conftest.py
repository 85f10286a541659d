"""How hypothesis behaves in all unit tests: on a busy machine a slow draw or example says nothing about the code.
And what an older Lambent has left behind."""

import contextlib
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import HealthCheck, settings

from lambent.events.messages import message_for
from lambent.model import Letter
from lambent.store import connection
from lambent.store.database import Database

settings.register_profile("busy", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

_SENT = """
INSERT INTO outbox (
    request_id, account, region, name, qualifier, kind, success, target, operation, body, parameters, delivered, size
) VALUES (
    :request_id, :account, :region, :name, :qualifier, :kind, :success, :target, :operation, :body, :parameters,
    :delivered, :size
)
"""


@pytest.fixture
def in_outbox() -> Callable[[Database, Letter, float], None]:
    """Puts a letter into the outbox as Lambent did before it had queues and topics of its own."""

    def put(db: Database, letter: Letter, delivered: float) -> None:
        message = message_for(letter)
        parameters = msgspec.json.encode(message.parameters).decode()
        columns = msgspec.structs.asdict(letter) | msgspec.structs.asdict(message)
        columns |= {"parameters": parameters, "delivered": delivered, "size": len(message.body) + len(parameters) + 512}
        wanted = ("request_id", "account", "region", "name", "qualifier", "kind", "target", "operation", "body")
        row = {name: columns[name] for name in (*wanted, "parameters", "delivered", "size")}
        with contextlib.closing(connection.writer(db.path)) as handle:
            handle.execute(_SENT, row | {"success": int(letter.success)})

    return put
