"""What a function cannot see, reach or keep: each promise tried from inside a real sandbox."""

import json
import os
import socket
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from real_server import Function, Server, descendants, living, wait_until

from lambent.sandbox import seccomp

pytestmark = pytest.mark.root
Inside = Callable[..., Any]
Deploy = Callable[..., Function]


def test_a_function_cannot_see_the_hosts_files(inside: Inside, server: Server, tmp_path: Path) -> None:
    (tmp_path / "canary").write_text("secret")
    places = [
        *(
            "/root",
            "/srv",
            "/media",
            "/boot",
            "/sys",
            "/var/lib",
            "/var/log",
            "/etc/shadow",
            "/etc/ssh",
            "/.git",
        ),
        *map(str, (tmp_path, server.data, server.data.parent, Path(__file__).parent, Path.home())),
        f"/proc/{server.process.pid}/root",
    ]

    code = """
        import os
        names = [name for name in given["places"] if os.path.lexists(name)]
        empty = ("/home", "/mnt", "/tmp", "/run", "/usr/local")
        answer = names + [name for place in empty for name in os.listdir(place)]
    """
    assert inside(code, places=places) == []


def test_a_function_cannot_see_another_functions_code_or_name(inside: Inside, deploy: Deploy, server: Server) -> None:
    other = deploy(f"secret = '{uuid.uuid4()}'\ndef handler(event, context): return 1", name=f"o-{uuid.uuid4().hex}")
    other.call()
    others = {path.name for path in (server.data / "code").iterdir()}
    shown = inside("""
        import os, pathlib
        places = ["/proc/self/mountinfo", "/proc/self/cgroup", "/proc/1/cmdline", "/proc/net/unix"]
        answer = {place: pathlib.Path(place).read_text() for place in places}
        answer["environ"] = dict(os.environ)
        answer["task"] = os.listdir("/var/task")
    """)

    assert shown.pop("task") == ["app.py"]
    text = json.dumps(shown)
    assert len(others) > 1
    assert len([digest for digest in others if digest in text]) <= 1, "only its own code is mounted"
    assert other.name not in text


def test_a_function_sees_only_its_own_processes(inside: Inside, deploy: Deploy, server: Server) -> None:
    deploy("def handler(event, context): return 1").call()
    code = """
        import os
        def kill(pid):
            try:
                os.kill(pid, 0)
            except OSError as error:
                return type(error).__name__
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        answer = sorted(pids), os.getpid(), {pid: kill(pid) for pid in given["pids"]}
    """
    strangers = [each.pid for each in descendants(server.process.pid) if each.pid > 1000]
    pids, own, killed = inside(code, pids=[1, *strangers])

    assert pids == sorted([1, own])
    assert killed.pop("1") == "PermissionError"
    assert set(killed.values()) == {"ProcessLookupError"}


def test_a_function_reaches_its_own_loopback_and_nothing_of_the_machines(inside: Inside, server: Server) -> None:
    with socket.socket(socket.AF_UNIX) as abstract, socket.socket() as listener:
        abstract.bind(f"\0lambent-test-{uuid.uuid4()}")
        abstract.listen()
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        reached = inside(
            """
            import socket, struct
            def reach(family, kind, address):
                with socket.socket(family, kind) as sock:
                    sock.settimeout(5)
                    try:
                        sock.connect(address)
                    except OSError as error:
                        return type(error).__name__
            local = socket.create_server(("127.0.0.1", 0))
            answer = {
                "own": reach(socket.AF_INET, socket.SOCK_STREAM, local.getsockname()),
                "server": reach(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", given["server"])),
                "host": reach(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", given["host"])),
                "abstract": reach(socket.AF_UNIX, socket.SOCK_STREAM, given["abstract"]),
                "agent": reach(socket.AF_UNIX, socket.SOCK_SEQPACKET, given["agent"]),
            }
            """,
            server=server.port,
            host=listener.getsockname()[1],
            abstract=abstract.getsockname().decode(),
            agent=str(server.data / "run" / "agent.sock"),
        )

    assert reached == {
        "own": None,
        "server": "ConnectionRefusedError",
        "host": "ConnectionRefusedError",
        "abstract": "ConnectionRefusedError",
        "agent": "FileNotFoundError",
    }


def test_a_function_keeps_no_privilege(inside: Inside) -> None:
    status = inside("answer = dict(line.split(':\\t', 1) for line in open('/proc/self/status').read().splitlines())")

    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"], status["Groups"].strip()) == ("1", "2", "")
    uids, gids = set(status["Uid"].split()), set(status["Gid"].split())
    assert len(uids) == len(gids) == 1
    assert int(uids.pop()) > 1_000_000, "no user of the machine has this uid"


def test_environments_that_live_at_the_same_time_have_different_uids_and_private_files(deploy: Deploy) -> None:
    function = deploy("""
        import os, time
        def handler(event, context):
            found = os.listdir("/tmp")
            open("/tmp/mine", "w").close()
            time.sleep(0.5)
            return os.getuid(), found
    """)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: function.call().value, range(4)))

    assert len({uid for uid, _ in answers}) == 4
    assert [found for _, found in answers] == [[]] * 4


def test_every_refused_system_call_answers_not_permitted(inside: Inside) -> None:
    column = ("x86_64", "aarch64").index(os.uname().machine)
    numbers = {name: both[column] for name, both in seccomp.DENIED.items() if both[column] >= 0}
    code = """
        import ctypes, errno
        libc = ctypes.CDLL(None, use_errno=True)
        def call(number):
            return "done" if libc.syscall(number, 0, 0, 0, 0, 0) >= 0 else errno.errorcode[ctypes.get_errno()]
        answer = {name: call(number) for name, number in given["numbers"].items()}
        answer["clone3"] = call(435)
    """
    answers = inside(code, numbers=numbers)

    assert answers.pop("clone3") == "ENOSYS"
    assert {name for name, answer in answers.items() if answer != "EPERM"} == set()
    assert {"mount", "unshare", "ptrace", "bpf", "keyctl", "io_uring_setup", "setns", "umount2"} <= set(answers)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="only this architecture has a second table of calls")
def test_the_other_table_of_system_calls_is_no_way_around(deploy: Deploy) -> None:
    function = deploy("""
        import ctypes, mmap
        def handler(event, context):
            page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
            page.write(bytes.fromhex("b814000000cd80c3"))  # mov eax, 20 (getpid); int 0x80; ret
            return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    """)
    assert function.call().error_type == "Runtime.ExitError"


def test_new_namespaces_are_refused_by_whatever_call(inside: Inside) -> None:
    code = """
        import subprocess
        ways = ["unshare -Ur true", "unshare -n true", "mount -t tmpfs x /tmp", "su -c id"]
        answer = [subprocess.run(way.split(), stdin=subprocess.DEVNULL, capture_output=True).returncode for way in ways]
    """
    assert 0 not in inside(code)


def test_nothing_outside_tmp_can_be_written(inside: Inside) -> None:
    written = inside("""
        import os, stat
        def writes(path):
            try:
                os.close(os.open(os.path.join(path, "x"), os.O_WRONLY | os.O_CREAT))
                return True
            except OSError:
                return False
        def below(path):
            return [entry.path for entry in os.scandir(path) if entry.is_dir() and entry.name not in ("proc", "tmp")]
        places = ["/", "/var/tmp", *below("/"), *(place for top in below("/") for place in below(top))]
        answer = [place for place in places if writes(place)]
        for path in ("/var/task/app.py", "/etc/passwd", "/proc/sys/kernel/hostname", "/proc/sysrq-trigger"):
            try:
                open(path, "a").close()
                answer.append(path)
            except OSError:
                pass
    """)
    assert written == []


def test_no_descriptor_of_the_host_is_inherited(inside: Inside) -> None:
    found = inside("""
        import os
        answer = {}
        for name in os.listdir("/proc/self/fd"):
            try:
                answer[name] = os.readlink("/proc/self/fd/" + name)
            except FileNotFoundError:
                pass  # the listing's own descriptor
    """)
    kinds = sorted(target.partition(":")[0] for target in found.values())
    assert kinds == ["/dev/null", "pipe", "pipe", "pipe", "socket"]
    assert len({target for target in found.values() if target.startswith("pipe")}) == 1, "all of them are its log"


def test_the_hosts_environment_and_name_are_not_shown(inside: Inside) -> None:
    shown = inside("""
        import os, socket
        environ = []
        for pid in (1, os.getpid()):
            try:
                environ.append(open(f"/proc/{pid}/environ").read())
            except PermissionError:
                pass
        answer = str(dict(os.environ)) + str(environ), socket.gethostname()
    """)
    assert "canary-of-the-host" not in shown[0]
    assert shown[1] == "lambent"
    assert shown[1] != socket.gethostname()


def test_control_groups_of_others_are_not_shown(inside: Inside) -> None:
    lines = inside("answer = open('/proc/self/cgroup').read().splitlines()")
    assert {line.rpartition(":")[2] for line in lines} <= {"/", "/run"}


@pytest.mark.parametrize("megabytes", [512, 700])
def test_tmp_has_the_configured_size_and_then_says_that_it_is_full(deploy: Deploy, megabytes: int) -> None:
    function = deploy(
        """
        import errno, os
        def handler(event, context):
            fd = os.open("/tmp/big", os.O_RDWR | os.O_CREAT)
            try:
                os.posix_fallocate(fd, 0, event)
                return "fits"
            except OSError as error:
                return errno.errorcode[error.errno]
            finally:
                os.close(fd)
                os.unlink("/tmp/big")
        """,
        EphemeralStorage={"Size": megabytes},
    )
    assert function.call((megabytes << 20) + 1).value == "ENOSPC"
    assert function.call(megabytes << 20).value == "fits"


def test_what_is_in_tmp_is_not_charged_to_the_memory_of_the_function(deploy: Deploy) -> None:
    function = deploy(
        """
        def handler(event, context):
            with open("/tmp/big", "wb") as file:
                for _ in range(event):
                    file.write(bytes(1 << 20))
            return "written"
        """,
        MemorySize=128,
        Timeout=120,
    )
    assert function.call(400).value == "written"


def test_tmp_is_kept_between_calls_of_one_environment(inside: Inside) -> None:
    inside("open('/tmp/kept', 'w').write('still here'); answer = 1")
    assert inside("answer = open('/tmp/kept').read()") == "still here"


def test_a_daemon_does_not_outlive_its_environment(server: Server) -> None:
    name = f"d{uuid.uuid4().hex[:12]}"
    function = server.deploy("""
        import ctypes, os, signal
        def handler(event, context):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    signal.signal(signal.SIGTERM, signal.SIG_IGN)
                    signal.signal(signal.SIGHUP, signal.SIG_IGN)
                    ctypes.CDLL(None).prctl(15, event.encode(), 0, 0, 0)
                    while True:
                        signal.pause()
                os._exit(0)
            return 1
    """)
    assert function.call(name).value == 1
    wait_until(lambda: name in {command for _, command in living().values()})

    server.client.delete_function(FunctionName=function.name)
    wait_until(lambda: name not in {command for _, command in living().values()})
