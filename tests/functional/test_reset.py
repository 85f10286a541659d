"""What ends an environment's processes, and what of it is there again: resets, repeated inits, ages, memory."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from real_server import Function, Server, alive, wait_until

Deploy = Callable[..., Function]
Serve = Callable[..., Server]

KEEPER = """
    import os, time
    calls = 0

    def handler(event, context):
        global calls
        calls += 1
        before = sorted(os.listdir("/tmp"))
        if "leave" in event:
            with open("/tmp/" + event["leave"], "w") as file:
                file.write("kept")
        if "exit" in event:
            os._exit(event["exit"])
        time.sleep(event.get("sleep", 0))
        return {"tmp": before, "calls": calls, "stream": context.log_stream_name, "pid": os.getpid()}
"""


@pytest.fixture(scope="module")
def spare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("reset") / "data", "--husks", "2", "--freeze-after-ms", "20")
    yield server
    server.stop()


@pytest.fixture
def own(spare: Server) -> Iterator[Server]:
    """A server without a sandbox, whose agent may be killed."""
    yield spare
    for each in spare.client.list_functions()["Functions"]:
        spare.client.delete_function(FunctionName=each["FunctionName"])
    wait_until(lambda: nobody(spare))


def nobody(server: Server) -> bool:
    counts = server.status()["sandboxes"]
    return counts["idle"] == counts["busy"] == counts["frozen"] == 0


# -- reset


@pytest.mark.root
@pytest.mark.parametrize(("end", "error"), [({"exit": 3}, "Runtime.ExitError"), ({"sleep": 60}, "Sandbox.Timedout")])
def test_after_a_crash_or_a_time_out_globals_are_gone_and_tmp_and_log_stream_are_there(
    deploy: Deploy, end: dict[str, object], error: str
) -> None:
    function = deploy(KEEPER, Timeout=1)
    stream = function.call({}).value["stream"]
    ended = function.call({"leave": "mine", **end})
    assert ended.error_type == error
    after = function.call({})
    assert after.value | {"pid": 0} == {"tmp": ["mine"], "calls": 1, "stream": stream, "pid": 0}
    assert "Init Duration" not in after.log, "a repeated init is a part of the call that needs it"
    assert function.call({"leave": "more"}).value["calls"] == 2
    assert function.call({}).value["tmp"] == ["mine", "more"]
    assert sum(line.startswith("INIT_START") for line in function.logs()) == 1


@pytest.mark.root
def test_what_is_kept_in_tmp_belongs_to_the_next_runtime(deploy: Deploy) -> None:
    function = deploy("""
        import os
        def handler(event, context):
            os.makedirs("/tmp/a/b", exist_ok=True)
            with open("/tmp/a/b/count", "a+") as file:
                file.write("x")
                file.seek(0)
                count = len(file.read())
            os.chmod("/tmp/a/b/count", 0o600)
            if event:
                os._exit(1)
            return count
    """)
    for _ in range(3):
        function.call(True)
    assert function.call(False).value == 4


@pytest.mark.root
def test_an_environment_that_goes_for_good_leaves_nothing_to_the_next(deploy: Deploy, server: Server) -> None:
    function = deploy(KEEPER)
    function.call({"leave": "mine"})
    server.client.update_function_configuration(FunctionName=function.name, Description="another environment")
    server.wait_until_active(function.name)
    assert function.call({}).value["tmp"] == []


def test_the_time_of_a_repeated_init_counts_as_the_calls_own(deploy: Deploy) -> None:
    function = deploy(
        """
        import os, time
        time.sleep(0.3)
        def handler(event, context):
            if event == "exit":
                os._exit(1)
            return context.get_remaining_time_in_millis()
        """,
        Timeout=10,
    )
    first = function.call("ask")
    assert "Init Duration" in first.log
    function.call("exit")
    again = function.call("ask")
    assert again.value < 9_750, "the repetition has taken its part of the time"
    assert milliseconds("Duration", again.log) > 300
    assert milliseconds("Billed Duration", again.log) > 300
    assert "Init Duration" not in again.log


def milliseconds(name: str, log: str) -> float:
    found = re.search(rf"\t{name}: ([\d.]+) ms", log)
    assert found, log
    return float(found[1])


# -- init


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("import os\nprint('at init')\nos._exit(9)", "Runtime.ExitError"),
        ("print('at init')\nimport nowhere_to_be_found", "Runtime.ImportModuleError"),
    ],
)
def test_an_init_that_fails_is_repeated_and_both_are_reported_as_aws_does(
    deploy: Deploy, source: str, kind: str
) -> None:
    function = deploy(source)
    answer = function.call()
    assert answer.error_type == kind
    assert re.search(rf"REPORT .*\tStatus: error\tError Type: {kind}$", answer.log.rstrip(), re.M)
    lines = wait_until(lambda: [line for line in function.logs() if line.startswith("REPORT")] and function.logs())
    kinds = [line.split()[0] for line in lines if line.startswith(("INIT_", "START", "END", "REPORT", "at init"))]
    assert kinds == ["INIT_START", "at", "INIT_REPORT", "at", "INIT_REPORT", "START", "END", "REPORT"]
    reports = [line for line in lines if line.startswith("INIT_REPORT")]
    ending = rf"\tStatus: error\tError Type: {kind}"
    assert re.fullmatch(r"INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: init" + ending, reports[0])
    assert re.fullmatch(r"INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: invoke" + ending, reports[1])


def test_an_init_that_works_the_second_time_is_no_failure(deploy: Deploy) -> None:
    function = deploy(
        """
        import os
        first = not os.path.exists("/tmp/been-here-LAMBENT_MARK")
        open("/tmp/been-here-LAMBENT_MARK", "w").close()
        if first:
            os._exit(1)
        def handler(event, context):
            os.unlink("/tmp/been-here-LAMBENT_MARK")
            return "well"
    """.replace("LAMBENT_MARK", os.urandom(8).hex())
    )
    answer = function.call()
    assert answer.value == "well"
    assert "Init Duration" not in answer.log
    wait_until(lambda: any(line.startswith("REPORT") for line in function.logs()))
    phases = [line.partition("Phase: ")[2] for line in function.logs() if line.startswith("INIT_REPORT")]
    assert phases == ["init\tStatus: error\tError Type: Runtime.ExitError"]


@pytest.mark.slow
def test_an_init_that_takes_too_long_is_timed_out_then_repeated_under_the_functions_time_out(deploy: Deploy) -> None:
    function = deploy("import time\ntime.sleep(1000)", Timeout=1, LoggingConfig={"LogFormat": "JSON"})
    answer = function.call()
    assert answer.error_type == "Sandbox.Timedout"
    events = wait_until(lambda: [line for line in function.logs() if "platform.report" in line] and function.logs())
    reports = [line for line in events if "platform.initReport" in line]
    assert [re.search(r'"phase":"(\w+)","status":"(\w+)"', line).groups() for line in reports] == [  # type: ignore[union-attr]
        ("init", "timeout"),
        ("invoke", "timeout"),
    ]


# -- ages and room


@pytest.mark.root
def test_an_environment_is_replaced_when_it_is_old_but_not_in_the_middle_of_a_call(serve: Serve) -> None:
    server = serve("--max-age-s", "1", "--husks", "1")
    function = server.deploy(KEEPER)
    first = function.call({"leave": "mine"}).value
    assert function.call({"sleep": 1.5}).value["stream"]
    second = function.call({"leave": "other"}).value
    assert second["stream"] != first["stream"]
    assert second["tmp"] == []
    wait_until(lambda: server.status()["sandboxes"]["idle"] == 0)  # one that is idle goes without being asked


@pytest.mark.root
def test_idle_environments_make_room_for_a_call_that_needs_their_memory(serve: Serve) -> None:
    server = serve("--memory-budget-mb", "400", "--husks", "1")
    hog = """
        def handler(event, context):
            global kept
            kept = bytearray(event << 20)
            return len(kept) >> 20
    """
    old, young = (server.deploy(hog, MemorySize=512) for _ in range(2))
    assert old.call(250).value == 250
    assert young.call(200).value == 200
    wait_until(lambda: server.status()["sandboxes"]["idle"] == 1)
    assert "Init Duration" not in young.call(200).log, "the one used last has stayed"
    assert "Init Duration" in old.call(1).log


# -- what dies at the wrong moment


@pytest.mark.root
def test_when_the_agent_dies_nothing_is_kept_of_what_was_frozen_or_waiting_for_its_reset(own: Server) -> None:
    frozen, crashed = own.deploy(KEEPER), own.deploy(KEEPER)
    frozen.call({"leave": "mine"})
    crashed.call({"leave": "mine", "exit": 1})
    wait_until(lambda: own.status()["sandboxes"]["frozen"] == 1)
    pid = own.status()["agent_pid"]
    before = {each: name for each, name in own.family().items() if each.pid != pid and "lambent" in name}
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: own.status()["agent_pid"] not in (None, pid))
    wait_until(lambda: nobody(own))
    assert frozen.call({}).value["tmp"] == []
    assert crashed.call({}).value["tmp"] == []
    wait_until(lambda: not [each for each in alive(before) if before[each] == "lambent-init"])


@pytest.mark.root
def test_when_the_agent_dies_in_the_middle_of_a_reset_the_call_is_served_by_the_next_one(own: Server) -> None:
    function = own.deploy("""
        import os, time
        print("at init", flush=True)
        time.sleep(1.0)
        def handler(event, context):
            open("/tmp/mine", "w").close()
            if event:
                os._exit(1)
            return len(os.listdir("/tmp"))
    """)
    assert function.call(True).error_type == "Runtime.ExitError"
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(function.call, False)
        wait_until(lambda: function.logs().count("at init") == 2)
        os.kill(own.status()["agent_pid"], signal.SIGKILL)
        answer = call.result()
    assert answer.value == 1
    assert "Init Duration" in answer.log, "what it was to take over has gone: it is a new environment"


@pytest.mark.root
def test_a_frozen_environment_can_be_killed_and_its_function_goes_on(own: Server) -> None:
    function = own.deploy(KEEPER)
    victim = function.call({"leave": "mine"}).value
    wait_until(lambda: own.status()["sandboxes"]["frozen"] == 1)
    (runtime,) = (each for each in own.family() if inner_pid(each.pid) == victim["pid"] and is_frozen(each.pid))
    os.kill(runtime.pid, signal.SIGKILL)
    wait_until(lambda: nobody(own))
    after = function.call({}).value
    assert after["calls"] == 1
    assert after["tmp"] == ["mine"]


def inner_pid(pid: int) -> int:
    """The number of a process in its own pid namespace."""
    try:
        found = re.search(r"^NSpid:.*\s(\d+)$", Path(f"/proc/{pid}/status").read_text(), re.M)
    except OSError:
        return 0
    return int(found[1]) if found else 0


def is_frozen(pid: int) -> bool:
    group = Path(f"/proc/{pid}/cgroup").read_text().splitlines()[-1].partition("::")[2]
    for root in (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")):
        events = root / group.lstrip("/") / "cgroup.events"
        if events.exists():
            return "frozen 1" in events.read_text()
    return False


@pytest.mark.root
def test_many_ends_leave_no_descriptor_no_sandbox_and_no_place_behind(own: Server) -> None:
    function = own.deploy(KEEPER, Timeout=1)

    def settle() -> int:
        """Open descriptors, once every sandbox has gone."""
        own.client.update_function_configuration(FunctionName=function.name, Description=os.urandom(4).hex())
        own.wait_until_active(function.name)
        wait_until(lambda: nobody(own))
        return len(os.listdir(f"/proc/{own.process.pid}/fd"))

    def round_of_ends() -> None:
        events: list[dict[str, object]] = [{"exit": 1}, {}, {"sleep": 5}, {"leave": "x", "exit": 0}, {}]
        with ThreadPoolExecutor(5) as threads:
            list(threads.map(function.call, events))

    round_of_ends()
    before = settle()
    for _ in range(2):
        round_of_ends()
    wait_until(lambda: settle() <= before + 2)  # connections of clients come and go
