"""Processes are killed at the worst moment: callers get an AWS error, nothing is lost, nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from real_server import ROOT, Answer, Function, Process, Server, alive, clean_environment, wait_until, zip_of

Serve = Callable[..., Server]

SLEEPER = """
    import time
    def handler(event, context):
        print("began", flush=True)
        time.sleep(event)
        return "slept"
"""


def running_call(function: Function, seconds: float, threads: ThreadPoolExecutor) -> "Future[Answer]":
    """A call that is in the middle of its handler."""
    call = threads.submit(function.call, seconds)
    wait_until(lambda: "began" in function.logs())
    return call


def named(server: Server, name: str) -> list[Process]:
    """The server's processes with this in their command line."""
    found = []
    for each in server.family():
        try:
            line = Path(f"/proc/{each.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if name in line:
            found.append(each)
    return found


def kill(process: Process) -> None:
    os.kill(process.pid, signal.SIGKILL)


def agent(server: Server) -> Process:
    pid = server.status()["agent_pid"]
    return next(each for each in server.family() if each.pid == pid)


@pytest.mark.root
def test_after_kill_9_of_the_server_nothing_is_left_and_the_next_start_has_everything(serve: Serve) -> None:
    server = serve()
    function = server.deploy(SLEEPER, name="kept")
    idle = server.deploy("def handler(event, context): return event", name="idle")
    idle.call(1)
    with ThreadPoolExecutor(1) as threads:
        call = running_call(function, 1000, threads)
        family = server.family()
        assert len(family) > 4
        server.kill()
        with pytest.raises((BotoCoreError, ClientError)):
            call.result()
    wait_until(lambda: not alive(family))
    assert str(server.data) not in Path("/proc/self/mountinfo").read_text()

    again = serve(data=server.data)
    assert Function(again, "kept").call(0).value == "slept"
    assert Function(again, "idle").call(2).value == 2
    assert {place.name for place in again.cgroups()} - {again.instance} <= {f"{n:08x}" for n in range(1, 40)}


@pytest.mark.root
def test_when_server_and_agent_are_killed_together_the_next_start_removes_every_orphan(serve: Serve) -> None:
    server = serve()
    function = server.deploy(SLEEPER, name="kept")
    with ThreadPoolExecutor(1) as threads:
        call = running_call(function, 1000, threads)
        family = server.family()
        supervisors = named(server, "lambent.sandbox.agent")
        groups = server.cgroups()
        for each in supervisors:
            os.kill(each.pid, signal.SIGSTOP)  # none of them may clean up
        server.process.kill()
        for each in supervisors:
            kill(each)
        with pytest.raises((BotoCoreError, ClientError)):
            call.result()
    assert len(groups) > 4

    again = serve(data=server.data)
    assert Function(again, "kept").call(0).value == "slept"
    wait_until(lambda: not alive(family))
    assert again.stop() == 0
    assert again.cgroups() == []


@pytest.mark.root
def test_a_deployment_that_kill_9_broke_off_is_taken_up_at_the_next_start(serve: Serve) -> None:
    server = serve()
    agents = named(server, "lambent.sandbox.agent")
    for each in agents:
        os.kill(each.pid, signal.SIGSTOP)  # so that no deployment can end
    server.client.create_function(
        FunctionName="pending", Runtime="python3.13" if "python3.13" in server.said() else "python3.11",
        Role="arn:aws:iam::000000000000:role/any", Handler="app.handler", Timeout=30,
        Code={"ZipFile": zip_of({"app.py": "def handler(event, context): return event"})},
    )  # fmt: skip
    assert server.client.get_function_configuration(FunctionName="pending")["State"] == "Pending"
    server.kill()
    for each in agents:
        kill(each)

    again = serve(data=server.data)
    again.wait_until_active("pending")
    assert Function(again, "pending").call("resumed").value == "resumed"


@pytest.mark.root
def test_a_clean_stop_leaves_no_process_no_control_group_and_no_mount(serve: Serve) -> None:
    server = serve()
    server.deploy("def handler(event, context): return event").call(1)
    family = server.family()
    assert len(server.cgroups()) > 4

    assert server.stop() == 0
    assert alive(family) == {}
    assert server.cgroups() == []
    assert "Traceback" not in server.said()


@pytest.mark.root
def test_calls_that_run_when_the_agent_is_killed_fail_with_500_and_the_next_ones_work(serve: Serve) -> None:
    server = serve()
    function = server.deploy(SLEEPER)
    with ThreadPoolExecutor(1) as threads:
        call = running_call(function, 1000, threads)
        doomed = set(named(server, "zygote.py") + named(server, "lambent-init"))
        kill(agent(server))
        with pytest.raises(ClientError) as refused:
            call.result()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert refused.value.response["Error"]["Code"] == "ServiceException"

    assert function.call(0).value == "slept"
    assert server.deploy("def handler(event, context): return event").call("new").value == "new"
    wait_until(lambda: not alive(doomed))
    assert server.process.poll() is None


@pytest.mark.root
def test_a_function_that_is_made_while_the_agent_is_away_becomes_active(serve: Serve) -> None:
    server = serve()
    runtime = server.runtime
    kill(agent(server))
    assert server.deploy("def handler(event, context): return event", Runtime=runtime).call(1).value == 1


@pytest.mark.root
def test_a_zygote_that_is_killed_is_replaced_and_running_calls_go_on(serve: Serve) -> None:
    server = serve()
    function = server.deploy(SLEEPER)
    with ThreadPoolExecutor(1) as threads:
        call = running_call(function, 1, threads)
        zygote = next(each for each in server.family() if is_zygote(server, each))
        kill(zygote)
        assert function.call(0).value == "slept"
        assert call.result().value == "slept"
    wait_until(lambda: server.status()["sandboxes"]["husks"].get(server.runtime) == 4)


def is_zygote(server: Server, process: Process) -> bool:
    """A zygote's parent is the agent."""
    stat = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return int(stat[1]) == server.status()["agent_pid"]


@pytest.mark.root
def test_a_sandbox_whose_first_process_is_killed_fails_only_its_own_call(serve: Serve) -> None:
    server = serve("--husks", "1")
    function = server.deploy("""
        import os, time
        def handler(event, context):
            print("began", os.getuid(), flush=True)
            time.sleep(event)
            return "slept"
    """)
    witness = server.deploy("def handler(event, context): return event")
    witness.call(0)
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(function.call, 1000)
        began = wait_until(lambda: [line for line in function.logs() if line.startswith("began")])
        kill(first_process(server, uid=int(began[0].split()[1])))
        answer = call.result()
    assert (answer.error, answer.error_type) == ("Unhandled", "Runtime.ExitError")
    assert witness.call("well").value == "well"
    assert function.call(0).value == "slept"


def first_process(server: Server, uid: int) -> Process:
    """Pid 1 of the sandbox with this uid: the parent of its runtime."""
    for each in server.family():
        fields = Path(f"/proc/{each.pid}/status").read_text()
        if f"Uid:\t{uid}\t" in fields:
            parent = int(fields.partition("PPid:")[2].split()[0])
            return next(found for found in server.family() if found.pid == parent)
    raise AssertionError(f"no process has the uid {uid}")


@pytest.mark.root
def test_a_runtime_that_cannot_start_is_not_tried_for_ever(serve: Serve, tmp_path: Path) -> None:
    programs = tmp_path / "node" / "bin"
    programs.mkdir(parents=True)
    (programs / "node").write_text('#!/bin/sh\nif [ "$1" = --version ]; then echo v22.0.0; else exit 1; fi\n')
    (programs / "node").chmod(0o755)
    server = serve(environ=clean_environment() | {"PATH": f"{programs}:/usr/bin:/bin"})
    assert "nodejs22.x" in server.said()
    server.client.create_function(
        FunctionName="never", Runtime="nodejs22.x", Role="arn:aws:iam::000000000000:role/any", Handler="a.b",
        Code={"ZipFile": zip_of({"a.js": ""})},
    )  # fmt: skip
    found = wait_until(lambda: not_pending(server, "never"))
    wait_until(lambda: nothing_new(server))
    if found["State"] == "Active":  # parked husks may live until they are used
        assert refused_or_failed(Function(server, "never"))


def refused_or_failed(function: Function) -> bool:
    """The runtime ended in its init, which is the function's error, or before it was anybody's, which is ours."""
    try:
        return function.call().error == "Unhandled"
    except ClientError as error:
        return bool(error.response["ResponseMetadata"]["HTTPStatusCode"] == 500)


def nothing_new(server: Server) -> bool:
    """Has no sandbox been begun for a moment? That can only be seen by waiting."""
    before = {place.name for place in server.cgroups()}
    time.sleep(0.5)
    return {place.name for place in server.cgroups()} <= before


def not_pending(server: Server, name: str) -> dict[str, str] | None:
    found: dict[str, str] = server.client.get_function_configuration(FunctionName=name)
    return found if found["State"] != "Pending" else None


# -- start and stop


def test_sigterm_lets_running_calls_finish_and_takes_no_new_ones(serve: Serve) -> None:
    server = serve()
    function = server.deploy(SLEEPER)
    with ThreadPoolExecutor(1) as threads:
        call = running_call(function, 1.5, threads)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "draining" in server.said())
        with pytest.raises((BotoCoreError, ClientError)):
            function.call(0)
        assert call.result().value == "slept"
    assert server.process.wait(60) == 0


def test_a_call_that_outlasts_the_drain_does_not_keep_the_server_alive(serve: Serve) -> None:
    server = serve("--drain-s", "1")
    function = server.deploy(SLEEPER)
    with ThreadPoolExecutor(1) as threads:
        call = running_call(function, 1000, threads)
        assert server.stop() == 0
        with pytest.raises((BotoCoreError, ClientError)):
            call.result()


def second(*flags: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "lambent", "up", *flags], capture_output=True, text=True, cwd=ROOT,
        env=clean_environment(), timeout=60, check=False,
    )  # fmt: skip


def test_a_second_server_on_the_same_directory_is_refused_and_the_first_goes_on(serve: Serve) -> None:
    server = serve()
    function = server.deploy(SLEEPER)
    with ThreadPoolExecutor(1) as threads:
        call = running_call(function, 3, threads)
        done = second("--port", "0", "--data", str(server.data))
        assert call.result().value == "slept"

    assert done.returncode == 1
    assert f"another Lambent (process {server.process.pid}) is using {server.data}" in done.stderr
    assert "Traceback" not in done.stderr
    assert function.call(0).value == "slept"


def test_a_port_that_is_taken_is_named_with_what_to_do(serve: Serve, tmp_path: Path) -> None:
    server = serve()
    done = second("--port", str(server.port), "--data", str(tmp_path / "other"))
    assert done.returncode == 1
    assert f"port {server.port} on 127.0.0.1 is in use" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_sigint_stops_as_cleanly_as_sigterm(serve: Serve) -> None:
    server = serve()
    family = server.family()
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(60) == 0
    wait_until(lambda: not alive(family))
    assert "Traceback" not in server.said()
