"""Between calls a sandbox stands still: its threads stop, and go on with the next call."""

import time
from collections.abc import Callable, Iterator

import pytest
from real_server import Server, wait_until

Serve = Callable[..., Server]

TICKER = """
    import threading, time
    ticks, longest, last = 0, 0.0, time.monotonic()

    def tick():
        global ticks, longest, last
        while True:
            now = time.monotonic()
            ticks, longest, last = ticks + 1, max(longest, now - last), now
            time.sleep(0.001)

    threading.Thread(target=tick, daemon=True).start()

    def handler(event, context):
        global longest
        time.sleep(event["sleep"])
        found, longest = [ticks, longest], 0.0
        return found
"""


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("freezing") / "data", "--freeze-after-ms", "50", "--husks", "1")
    yield server
    server.stop()


@pytest.fixture
def server(quick: Server) -> Iterator[Server]:
    """It freezes early, and has no sandbox yet."""
    yield quick
    for each in quick.client.list_functions()["Functions"]:
        quick.client.delete_function(FunctionName=each["FunctionName"])


def frozen(server: Server) -> int:
    return int(server.status()["sandboxes"]["frozen"])


@pytest.mark.root
def test_background_threads_stop_between_calls_and_go_on_with_the_next(server: Server) -> None:
    function = server.deploy(TICKER)
    function.call({"sleep": 0.1})
    wait_until(lambda: frozen(server) == 1)
    time.sleep(1.0)
    ticks, longest = function.call({"sleep": 0.2}).value
    assert longest > 0.9, "it ticked while nobody called"
    more, _ = function.call({"sleep": 0.2}).value
    assert more > ticks


def test_calls_in_quick_succession_and_calls_with_pauses_are_answered_alike(server: Server) -> None:
    function = server.deploy("def handler(event, context): return event")
    for number in range(30):
        assert function.call(number).value == number
        time.sleep(0.01 * (number % 10))  # the freezer strikes after 50 ms: before, after and in the middle of it


def test_what_was_frozen_in_the_middle_of_a_write_goes_on_and_its_log_is_whole(server: Server) -> None:
    function = server.deploy("""
        import threading, time
        def talk():
            for number in range(3000):
                print("line", number, flush=True)
        def handler(event, context):
            if event:
                threading.Thread(target=talk).start()
            else:
                time.sleep(1)
    """)
    function.call(True)
    wait_until(lambda: frozen(server) >= 1)
    wait_until(lambda: function.call(False) and "line 2999" in function.logs())
    numbers = [int(line.split()[1]) for line in function.logs() if line.startswith("line ")]
    assert numbers == list(range(3000))


def test_freezing_can_be_turned_off(serve: Serve) -> None:
    server = serve("--freeze-after-ms", "0", "--husks", "1")
    function = server.deploy(TICKER)
    function.call({"sleep": 0})
    time.sleep(0.5)
    before = function.call({"sleep": 0}).value[0]
    wait_until(lambda: function.call({"sleep": 0}).value[0] > before + 100)
    assert frozen(server) == 0
