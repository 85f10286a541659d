"""Between calls a sandbox stands still: its threads stop, and go on with the next call."""

import time
from collections.abc import Callable

import pytest
from real_server import Function, Server, wait_until

Serve = Callable[..., Server]

TICKER = """
    import threading, time
    ticks = 0

    def tick():
        global ticks
        while True:
            ticks += 1
            time.sleep(0.001)

    threading.Thread(target=tick, daemon=True).start()

    def handler(event, context):
        time.sleep(event["sleep"])
        return ticks
"""


@pytest.fixture
def server(serve: Serve) -> Server:
    server = serve("--freeze-after-ms", "50", "--husks", "1")
    return server


def frozen(server: Server) -> int:
    return int(server.status()["sandboxes"]["frozen"])


@pytest.mark.root
def test_background_threads_stop_between_calls_and_go_on_with_the_next(server: Server) -> None:
    function = server.deploy(TICKER)
    function.call({"sleep": 0.1})
    wait_until(lambda: frozen(server) == 1)
    before = function.call({"sleep": 0}).value
    wait_until(lambda: frozen(server) == 1)
    time.sleep(1.5)  # some thousand ticks, if it were not for the freezer
    after = function.call({"sleep": 0}).value
    assert after - before < 500, "it ticked while nobody called"
    assert function.call({"sleep": 0.5}).value > after, "it ticks on while it runs"
