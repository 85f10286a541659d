"""An event stays its tenant's: on disk, in the kept list, and when it is replayed."""

import pytest
from event_samples import NOW, event
from letter_samples import failure

from lambent.events.delivery import _as_new
from lambent.events.letters import kept_letter
from lambent.model import InvokeConfig
from lambent.store.kept import KeptEvents, Which, kept_columns
from lambent.store.queue import Queue, open_queue


@pytest.fixture
def db(tmp_path):
    database = open_queue(tmp_path / "queue")
    yield database
    database.close()


@pytest.mark.parametrize("tenant", ["blue", ""])
async def test_the_queue_knows_it(db, tenant):
    queue = Queue(db)
    await queue.add([(queue.numbered(event(tenant=tenant)), False)])
    (taken,) = await queue.take(event().function, NOW, 10)
    assert taken.tenant == tenant


async def test_it_is_kept_and_replayed_with_it(db):
    end = failure(event=event(tenant="blue"), config=InvokeConfig())
    await db.write("kept_add", **kept_columns(kept_letter(end)))
    (entry,) = KeptEvents(db).page(Which(account=event().account, region=event().region))
    assert _as_new(entry, NOW).tenant == "blue"
