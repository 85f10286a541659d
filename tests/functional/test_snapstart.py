"""SnapStart with real templates and clones: what they share, what they must not, how they are sealed and end."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from extension_samples import EXTENSION
from real_server import ROLE, Answer, Function, Server, wait_until, zip_of

ON = {"ApplyOn": "PublishedVersions"}
SOURCE = """
    import asyncio, mmap, os, random, select, socket, ssl, tempfile, time, uuid
    import snapshot_restore_py as hooks

    HELD = uuid.uuid4().hex
    EVENTS = []
    hooks.register_before_snapshot(EVENTS.append, "before, registered first")
    hooks.register_after_restore(EVENTS.append, "after, registered first")

    @hooks.register_before_snapshot
    def before(): EVENTS.append("before, registered last")

    @hooks.register_after_restore
    def after(): EVENTS.append("after, registered last")

    with open("/tmp/made-by-init", "w") as made: made.write("by init")
    os.symlink("made-by-init", "/tmp/link")
    FILE = open("/var/task/app.py")
    FILE.read(7)
    KEPT = open("/tmp/made-by-init", "r+")
    NAMELESS = tempfile.TemporaryFile()
    NAMELESS.write(b"nameless"); NAMELESS.flush()
    SHARED = mmap.mmap(-1, 4096)
    SHARED[:4] = b"init"
    PAIR = socket.socketpair()
    SERVER = socket.create_server(("127.0.0.1", 0))
    CLIENT = socket.create_connection(SERVER.getsockname())
    LOOP = asyncio.new_event_loop()
    environ_at_init = dict(os.environ)
    os.environ["SET_BY_INIT"] = "yes"

    def handler(event, context):
        names = dict(globals(), event=event, context=context)
        exec(event["code"], names)
        time.sleep(event.get("sleep", 0))
        return {"by": os.environ["AWS_LAMBDA_LOG_STREAM_NAME"], "answer": names["answer"]}
"""

# Where an AWS client in a clone has its credentials from.
FETCHED = (
    "import json, urllib.request as r; keys = json.load(r.urlopen(r.Request("
    "os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI'], "
    "headers={'Authorization': os.environ['AWS_CONTAINER_AUTHORIZATION_TOKEN']})))"
)


class Snap:
    """A version with SnapStart."""

    def __init__(self, server: Server, name: str, source: str = SOURCE, **changes: Any) -> None:
        self.server, self.name = server, name
        usual = {"Handler": "app.handler", "MemorySize": 512, "Timeout": 60, "Runtime": server.runtime, "SnapStart": ON}
        code = {"ZipFile": zip_of({"app.py": source})}
        server.client.create_function(FunctionName=name, Role=ROLE, Code=code, **(usual | changes))
        server.wait_until_active(name)
        self.published = server.client.publish_version(FunctionName=name)

    def shown(self) -> dict[str, Any]:
        """The version's configuration, once it is not Pending any more."""

        def settled() -> Any:
            found = self.server.client.get_function_configuration(FunctionName=self.name, Qualifier="1")
            return found["State"] != "Pending" and found

        return dict(wait_until(settled))

    def call(self, code: str, qualifier: str = "1", **event: Any) -> Answer:
        return Function(self.server, self.name).call({"code": code, **event}, Qualifier=qualifier)

    def ask(self, code: str, **event: Any) -> Any:
        answer = self.call(code, **event)
        assert answer.error is None, answer.value
        return answer.value["answer"]

    def two(self, code: str) -> list[dict[str, Any]]:
        """The answers of two different clones to the same code: they have to run at the same time for that."""

        def together() -> Any:
            answers: list[dict[str, Any]] = []
            calls = [
                threading.Thread(target=lambda: answers.append(self.call(code, sleep=0.5).value)) for _ in range(2)
            ]
            for each in calls:
                each.start()
            for each in calls:
                each.join()
            return len({answer["by"] for answer in answers}) == 2 and answers

        return list(wait_until(together))

    def delete(self) -> None:
        self.server.client.delete_function(FunctionName=self.name)


@pytest.fixture(autouse=True)
def _possible_here(request: pytest.FixtureRequest) -> None:
    if "server" in request.fixturenames or "snap" in request.fixturenames:
        why_not = request.getfixturevalue("server").status()["isolation"].get("no_snapshots")
        if why_not:
            assert os.environ.get("CI") != "true", why_not
            pytest.skip(why_not)


@pytest.fixture(scope="module")
def snap(server: Server) -> Iterator[Snap]:
    """One version that the tests of this file share."""
    made = Snap(server, "snapped", Environment={"Variables": {"MINE": "yes"}})
    assert made.shown()["State"] == "Active"
    yield made
    made.delete()


@pytest.fixture
def publish(server: Server) -> Iterator[Callable[..., Snap]]:
    made: list[Snap] = []

    def publish(source: str, **changes: Any) -> Snap:
        made.append(Snap(server, f"snapped-{len(made)}-{time.monotonic_ns()}", source, **changes))
        return made[-1]

    yield publish
    for each in made:
        each.delete()


# -- what a function sees


def test_a_version_is_pending_while_it_is_initialised_and_then_optimised(snap):
    assert (snap.published["State"], snap.published["StateReasonCode"]) == ("Pending", "Creating")
    shown = snap.shown()
    assert (shown["State"], shown["LastUpdateStatus"]) == ("Active", "Successful")
    assert shown["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}


def test_hooks_run_backwards_before_the_snapshot_and_forwards_after_each_restore(snap):
    assert snap.ask("answer = EVENTS") == [
        "before, registered last", "before, registered first", "after, registered first", "after, registered last",
    ]  # fmt: skip


def test_the_environment_says_snap_start_and_keeps_what_init_has_set(snap):
    assert snap.ask("answer = environ_at_init['AWS_LAMBDA_INITIALIZATION_TYPE']") == "snap-start"
    assert snap.ask("answer = os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']") == "snap-start"
    assert snap.ask("answer = os.environ['SET_BY_INIT']") == "yes"
    assert snap.ask("answer = context.log_stream_name == os.environ['AWS_LAMBDA_LOG_STREAM_NAME']") is True


def test_environment_variables_are_there_at_init_and_after_the_restore(snap):
    assert snap.ask("answer = [environ_at_init['MINE'], os.environ['MINE']]") == ["yes", "yes"]
    assert snap.ask("answer = [environ_at_init.get('OPENBLAS_NUM_THREADS'), os.environ.get('OMP_NUM_THREADS')]") == [
        "1",
        None,
    ]


def test_latest_runs_on_demand_and_no_hook_is_called(snap):
    answer = snap.call("answer = [os.environ['AWS_LAMBDA_INITIALIZATION_TYPE'], EVENTS]", qualifier="$LATEST")
    assert answer.value["answer"] == ["on-demand", []]


def test_two_clones_share_what_init_made_and_nothing_that_must_differ(snap):
    one, other = (each["answer"] for each in snap.two(
        f"{FETCHED}; answer = [HELD, random.random(), uuid.uuid4().hex, uuid.uuid1().hex, ssl.RAND_bytes(16).hex(), "
        "tempfile.mktemp(), keys['SecretAccessKey'], os.getpid(), context.log_stream_name]"
    ))  # fmt: skip
    assert one[0] == other[0]
    for ours, theirs in zip(one[1:], other[1:], strict=True):
        assert ours != theirs
    assert snap.ask("answer = [name for name in (*environ_at_init, *os.environ) if name.startswith('AWS_SE')]") == []


def test_files_that_init_left_in_tmp_are_there_for_each_clone_alone(snap):
    code = """answer = [sorted(os.listdir('/tmp')), os.readlink('/tmp/link'), open('/tmp/link').read(), KEPT.read()]
KEPT.write(' and by ' + context.log_stream_name); KEPT.flush()
answer.append(os.stat(KEPT.fileno()).st_ino == os.stat('/tmp/made-by-init').st_ino)"""
    for each in snap.two(code):
        assert each["answer"] == [["link", "made-by-init"], "made-by-init", "by init", "by init", True]


def test_open_files_have_a_position_of_their_own_in_each_clone(snap):
    code = "answer = [FILE.tell(), FILE.read(3), NAMELESS.seek(0), NAMELESS.read().decode()]; NAMELESS.write(b'more')"
    one, other = (each["answer"] for each in snap.two(code))
    assert one == other
    assert one[0] == 7
    assert one[3] == "nameless"


def test_shared_memory_and_pairs_of_sockets_are_shared_with_nobody(snap):
    code = """before = bytes(SHARED[:4]).decode()
SHARED[:4] = os.urandom(4)
PAIR[0].send(context.log_stream_name.encode())
answer = [before, PAIR[1].recv(200).decode() == context.log_stream_name]"""
    for each in snap.two(code):
        assert each["answer"] == ["init", True]


def test_connections_of_init_are_closed_and_its_event_loop_goes_on(snap):
    code = """try:
    CLIENT.getpeername()
    answer = ['connected']
except OSError as error:
    answer = [type(error).__name__]
async def later():
    await asyncio.sleep(0.01)
    reader = LOOP.create_future()
    LOOP.call_soon_threadsafe(reader.set_result, 'woken')
    return await reader
answer.append(LOOP.run_until_complete(later()))"""
    for each in snap.two(code):
        assert each["answer"] == ["OSError", "woken"]


# -- what the platform writes


def test_the_log_tells_of_init_and_of_each_restore(snap):
    first = snap.two("answer = None")  # more clones than before, or the same
    assert first
    lines = wait_until(lambda: _with(Function(snap.server, snap.name).logs(), "RESTORE_REPORT"))
    assert sum(line.startswith("INIT_START Runtime Version: python:3.") for line in lines) >= 1
    assert [line for line in lines if line.startswith("RESTORE_START Runtime Version: python:3.")]
    assert [line for line in lines if line.startswith("RESTORE_REPORT Restore Duration: ")]
    reports = wait_until(lambda: _with(Function(snap.server, snap.name).logs(), "Billed Restore Duration"))
    restored = [line for line in reports if "Restore Duration: " in line and line.startswith("REPORT")]
    assert all("Init Duration" not in line for line in restored)


def _with(lines: list[str], text: str) -> list[str] | None:
    return lines if any(text in line for line in lines) else None


# -- what a clone is


def test_a_clone_is_alone_and_holds_no_privilege(snap):
    status, processes, groups = snap.ask(
        "answer = [open('/proc/self/status').read(), [p for p in os.listdir('/proc') if p.isdigit()], "
        "open('/proc/self/cgroup').read()]"
    )
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {fields[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
    assert len(processes) == 2
    assert "1" in processes
    assert not [line for line in groups.splitlines() if ".." in line or "lambent/" in line]


@pytest.mark.parametrize(
    ("what", "attempt"),
    [
        ("a user namespace", "libc.unshare(0x10000000)"),
        ("control groups of its own", "libc.unshare(0x02000000)"),
        ("a clone as its template makes them", "libc.syscall(56, 0x7e020011, 0, 0, 0, 0)"),
        ("a mount as its template makes them", "libc.mount(b'proc', b'/tmp', b'proc', 14, None)"),
        ("moving a mount", "libc.syscall(429, -100, b'/tmp', -100, b'/proc', 0)"),
        ("another hostname", "libc.sethostname(b'x', 1)"),
        ("raising its limit of processes", "libc.setrlimit(6, (ctypes.c_ulong * 2)(4096, 4096))"),
    ],
)
def test_a_clone_is_refused(snap, what, attempt):
    if what.startswith("a clone") and os.uname().machine != "x86_64":
        attempt = attempt.replace("56", "220")
    found = snap.ask(
        f"import ctypes; libc = ctypes.CDLL(None, use_errno=True); answer = [{attempt}, ctypes.get_errno()]"
    )
    assert found == [-1, 1]


def test_pid_1_of_a_clone_is_out_of_the_functions_reach(snap):
    code = """try:
    open('/proc/1/mem', 'r+b').close()
    answer = 'opened'
except OSError:
    answer = 'refused'
for number in range(1, 65):
    if number not in (32, 33):
        try: os.kill(1, number)
        except OSError: pass"""
    by = snap.call(code)
    assert by.value["answer"] == "refused"
    assert snap.call("answer = None").value["by"] == by.value["by"], "it was ended by a signal from within"


def test_a_clone_has_memory_of_its_own_and_dies_at_its_limit_alone(snap):
    keep = snap.ask("KEPT_BACK = bytearray(40 << 20); answer = context.log_stream_name")
    died = snap.call("hog = []\nwhile True: hog.append(bytearray(8 << 20))")
    assert died.error == "Unhandled"
    assert died.error_type == "Runtime.OutOfMemory"
    assert snap.ask("answer = context.log_stream_name") != keep
    assert snap.shown()["State"] == "Active"


# -- what can go wrong


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise ValueError('no')\n", ""),
        (
            "import snapshot_restore_py as s\n@s.register_before_snapshot\ndef b(): raise ValueError('no')\n"
            "def handler(e, c): pass\n",
            "",
        ),
        (
            "import threading\ndef pump(): threading.Event().wait()\n"
            "threading.Thread(target=pump, name='pump', daemon=True).start()\ndef handler(e, c): pass\n",
            "thread pump",
        ),
        (
            "import subprocess\nP = subprocess.Popen(['/bin/sleep', '1000'])\ndef handler(e, c): pass\n",
            "process sleep",
        ),
        ("def handler(e, c): pass\n", "AWS_LAMBDA_EXEC_WRAPPER"),
    ],
)
def test_a_version_that_cannot_be_initialised_or_copied_is_failed(publish, source, reason):
    wrapped = {"Environment": {"Variables": {reason: "/opt/wrapper"}}} if reason.startswith("AWS_") else {}
    snap = publish(source, **wrapped)
    shown = snap.shown()
    assert (shown["State"], shown["StateReasonCode"]) == ("Failed", "FunctionError")
    assert wrapped or shown["StateReason"].startswith("An error occurred during function initialization.")
    assert reason in shown["StateReason"]
    with pytest.raises(ClientError) as caught:
        snap.call("answer = 1")
    assert caught.value.response["Error"]["Code"] == "ResourceConflictException"


def test_a_hook_that_fails_after_the_restore_is_told_as_snapstart_exception(publish):
    snap = publish(
        "import snapshot_restore_py as s\n@s.register_after_restore\ndef a(): raise ValueError('stale')\n"
        "def handler(e, c): pass\n"
    )
    assert snap.shown()["State"] == "Active"
    with pytest.raises(ClientError) as caught:
        snap.call("answer = 1")
    assert caught.value.response["Error"]["Code"] == "SnapStartException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    lines = wait_until(lambda: _with(Function(snap.server, snap.name).logs(), "Runtime.AfterRestoreError"))
    assert [line for line in lines if "[ERROR] ValueError: stale" in line]


def test_each_clone_has_its_extensions_started_with_it(server, publish):
    layer = server.client.publish_layer_version(
        LayerName="snapped-extension", Content={"ZipFile": zip_of({"extensions/watcher": EXTENSION})}
    )
    snap = publish(
        "def handler(e, c): return {'by': c.log_stream_name, 'answer': 1}\n", Layers=[layer["LayerVersionArn"]]
    )
    assert snap.shown()["State"] == "Active"
    assert snap.call("").value["answer"] == 1
    lines = wait_until(lambda: _with(Function(server, snap.name).logs(), "EXTENSION\tName: watcher"))
    assert [line for line in lines if line.startswith("RESTORE_REPORT")]


def test_a_deleted_version_takes_its_template_with_it(server, publish):
    snap = publish("import os\nBIG = bytearray(1)\ndef handler(e, c): return {'by': 1, 'answer': os.getpid()}\n")
    assert snap.shown()["State"] == "Active"
    snap.call("")
    before = server.status()["sandboxes"]["templates"]
    server.client.delete_function(FunctionName=snap.name, Qualifier="1")
    wait_until(lambda: server.status()["sandboxes"]["templates"] < before)
    with pytest.raises(ClientError) as caught:
        snap.call("")
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"


@pytest.mark.root
def test_a_template_that_dies_with_its_agent_or_server_is_made_again_by_the_next_call(serve, tmp_path):
    server = serve()
    snap = Snap(server, "snapped")
    assert snap.shown()["State"] == "Active"
    held = snap.ask("answer = HELD")
    agent = server.status()["agent_pid"]
    os.kill(agent, signal.SIGKILL)
    wait_until(lambda: server.status()["agent_pid"] not in (agent, None))
    after = snap.ask("answer = HELD")
    assert after != held
    server.stop()
    again = serve(data=server.data)
    snap.server = again
    assert snap.shown()["SnapStart"]["OptimizationStatus"] == "On"
    assert snap.ask("answer = HELD") not in (held, after)
    assert json.loads(again.get("/_lambent/status"))["sandboxes"]["templates"] == 1
