"""Services that are not Lambent's, answered by moto where it is installed (`lambent[neighbours]`): decision 42.

Loaded at the first call. Nothing of it is kept when the server ends, and its time is the real one.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lambent.errors import NotImplementedYet
from lambent.wire.http import Request, Response
from lambent.wire.parse import Call

log = logging.getLogger("lambent")

# Hosts that moto knows them by. Only those that need nothing of a service which is ours: what moto's CloudFormation
# made, say, would be functions and queues of moto's, which nobody here would find.
HOSTS = {
    "acm": "acm.{}.amazonaws.com",
    "cognito-identity": "cognito-identity.{}.amazonaws.com",
    "cognito-idp": "cognito-idp.{}.amazonaws.com",
    "dynamodb": "dynamodb.{}.amazonaws.com",
    "dynamodbstreams": "streams.dynamodb.{}.amazonaws.com",
    "ecr": "api.ecr.{}.amazonaws.com",
    "iam": "iam.amazonaws.com",
    "kms": "kms.{}.amazonaws.com",
    "secretsmanager": "secretsmanager.{}.amazonaws.com",
    "ssm": "ssm.{}.amazonaws.com",
}
ACCOUNT = "x-moto-account-id"  # whose resources: believed before anything that the access key may say
_FRAMING = frozenset(("content-length", "transfer-encoding", "connection", "expect", "host", ACCOUNT))

# What moto answers: status, headers, body.
Answered = tuple[int, Mapping[str, Any], str | bytes]
Dispatch = Callable[[str, Call], Answered]


class Neighbours:
    """One thread for all of them: moto is made for one caller at a time, and the loop is not to wait for it."""

    def __init__(self, load: Callable[[], Dispatch] | None = None) -> None:
        """`load` brings in whatever answers, for tests; it is moto otherwise."""
        self._load = load or _load_moto
        self._dispatch: Dispatch | None = None
        self._thread = ThreadPoolExecutor(1, "neighbours")

    async def answer(self, call: Call) -> Response:
        """Raises NotImplementedYet for a service or an operation that is not there either, or if there is no moto."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, call)

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _answer(self, call: Call) -> Response:
        if self._dispatch is None:
            try:
                self._dispatch = self._load()
            except ImportError:
                raise NotImplementedYet(
                    f"{call.service}:{call.operation} is not built. With moto beside Lambent "
                    "(pip install 'lambent[neighbours]') it is answered, from memory only."
                ) from None
            log.warning("moto answers %s from now on: NOTHING of that is kept when this server ends", call.service)
        try:
            status, headers, body = self._dispatch(url(call), call)
        except NotImplementedError:
            raise NotImplementedYet(
                f"{call.service}:{call.operation} is not built: not even moto, which answers here, has it."
            ) from None
        sent = [(name, str(value)) for name, value in headers.items() if name.lower() not in _FRAMING]
        if all(name.lower() != "x-amzn-requestid" for name, _ in sent):
            sent.append(("x-amzn-RequestId", call.request_id))
        return Response(int(status), sent, body.encode() if isinstance(body, str) else body)


def url(call: Call) -> str:
    """Where AWS's own client would have sent it."""
    asked = call.request
    query = f"?{asked.query}" if asked.query else ""
    return f"https://{HOSTS[call.service].format(call.region)}{asked.path}{query}"


def headers(request: Request, account: str) -> dict[str, str]:
    """What the client sent, with the account that it was believed to be of."""
    kept = {name: value for name, value in request.headers.items() if name not in _FRAMING}
    return kept | {ACCOUNT: account}


def _load_moto() -> Dispatch:
    """moto's own way from a request to the function that answers it, without its patching of clients."""
    from botocore.awsrequest import AWSPreparedRequest
    from botocore.compat import HTTPHeaders
    from moto.core.botocore_stubber import BotocoreStubber

    stubber = BotocoreStubber()

    def dispatch(address: str, call: Call) -> Answered:
        sent = HTTPHeaders.from_dict(headers(call.request, call.account))
        asked = call.request
        found: Answered | None = stubber.process_request(
            AWSPreparedRequest(asked.method, address, sent, asked.body, False)
        )
        if found is None:
            raise NotImplementedError
        return found

    return dispatch
