"""What functions reach and what they do not: each promise tried from inside real sandboxes, with a host outside."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from outside import ANSWER, NAME, PORT, Outside, answer_dns, outside
from real_server import Function, Server, client, wait_until

pytestmark = pytest.mark.root
Serve = Callable[..., Server]

PROBE = """
    import os, socket, time
    def reach(address, seconds=20, family=socket.AF_INET):
        with socket.socket(family) as sock:
            sock.settimeout(seconds)
            try:
                sock.connect(tuple(address))
                return sock.recv(100).decode()
            except OSError as error:
                return type(error).__name__
    def own():
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.connect(("192.0.2.1", 9))
            return sock.getsockname()[0]
    def handler(event, context):
        names = {"given": event["given"], "reach": reach, "own": own}
        exec(event["code"], names)
        return names["answer"]
"""
SHORT_S = 1  # for what is dropped: nothing would come later either
VPC = {"SubnetIds": ["subnet-far"], "SecurityGroupIds": ["sg-1"]}


def inside(function: Function, code: str, **given: Any) -> Any:
    answer = function.call({"code": code, "given": given})
    assert answer.error is None, answer.value
    return answer.value


def with_nameserver(address: str, place: Path) -> list[str]:
    """The command of a server on a machine that has this nameserver in its /etc/resolv.conf."""
    place.write_text(f"nameserver {address}\noptions timeout:5 attempts:3\n")
    script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, str(place), sys.executable, "-m", "lambent"]


@pytest.fixture(scope="module")
def host() -> Iterator[Outside]:
    with outside() as made:
        yield made


@pytest.fixture(scope="module")
def near(tmp_path_factory: pytest.TempPathFactory, host: Outside) -> Iterator[Server]:
    """A server whose machine asks the host outside for names."""
    place = tmp_path_factory.mktemp("near")
    command = with_nameserver(host.address, place / "resolv.conf")
    server = Server(place / "data", "--vpc-routed-subnets", "subnet-near, subnet-beside", command=command)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def probe(near: Server) -> Function:
    return near.deploy(PROBE)


@pytest.fixture(scope="module")
def cut_off(near: Server) -> Function:
    return near.deploy(PROBE, VpcConfig=VPC)


def rules() -> str:
    nft = shutil.which("nft", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert nft, "nftables is needed; scripts/install installs it"
    return subprocess.run([nft, "list", "ruleset"], capture_output=True, text=True, check=True).stdout


def table_of(server: Server) -> str:
    return f"lambent_{server.instance}_"


def interfaces(server: Server) -> list[str]:
    """Of its sandboxes, on the machine."""
    mark = rules().partition(table_of(server))[2][:8]
    return [name for _, name in socket.if_nameindex() if mark and name.startswith(f"lb{mark}-")]


# -- out


def test_a_function_reaches_the_world_as_this_machine(probe: Function, host: Outside) -> None:
    answers = inside(
        probe,
        """if True:
        import socket
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.settimeout(20)
            sock.connect(tuple(given["address"]))
            sock.send(b"who am I?")
            datagram = sock.recv(100).decode()
        answer = [reach(given["address"]), datagram]
        """,
        address=[host.address, PORT],
    )
    assert answers == [host.here, host.here], "the address is translated"


def test_names_are_resolved(probe: Function) -> None:
    assert inside(probe, "import socket; answer = socket.gethostbyname(given['name'])", name=NAME) == ANSWER


def test_a_nameserver_on_the_machines_own_loopback_is_reached_too(serve: Serve, tmp_path: Path) -> None:
    address = f"127.7.7.{os.getpid() % 250 + 1}"
    with answer_dns(address):
        function = serve(command=with_nameserver(address, tmp_path / "resolv.conf")).deploy(PROBE)
        code = "import socket; answer = socket.gethostbyname(given['name']), open('/etc/resolv.conf').read()"
        resolved, text = inside(function, code, name=NAME)
    assert resolved == ANSWER
    assert address not in text


# -- not in


def test_nothing_of_this_machine_is_reached(probe: Function, near: Server, host: Outside) -> None:
    with socket.create_server(("0.0.0.0", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.connect((host.address, 9))
            assert sock.getsockname()[0] == host.here
        reached = inside(
            probe,
            "answer = [reach(address, given['seconds']) for address in given['addresses']]",
            addresses=[[host.here, port], [host.here, near.port], ["127.0.0.1", port], ["127.0.0.1", near.port]],
            seconds=SHORT_S,
        )
        assert reached == ["TimeoutError", "TimeoutError", "ConnectionRefusedError", "ConnectionRefusedError"]
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_link_local_addresses_are_not_reached_though_the_machine_reaches_them(probe: Function, host: Outside) -> None:
    with socket.create_connection((host.metadata, PORT), 20) as sock:
        assert sock.recv(100)
    code = "answer = reach(given['address'], given['seconds'])"
    assert inside(probe, code, address=[host.metadata, PORT], seconds=SHORT_S) == "TimeoutError"


LISTEN = """if True:
    import socket, threading
    listener = socket.create_server(("0.0.0.0", 9009))
    def greet():
        while True:
            client, _ = listener.accept()
            client.sendall(b"hello")
            client.close()
    threading.Thread(target=greet, daemon=True).start()
    answer = own(), reach(("127.0.0.1", 9009)), reach((own(), 9009))
"""


def test_environments_do_not_reach_each_other(probe: Function, near: Server, server: Server) -> None:
    """Neither those of one server nor those of two."""
    neighbour, stranger = near.deploy(PROBE), server.deploy(PROBE)
    code = "answer = reach((given['address'], 9009), given['seconds'])"
    for other in (neighbour, stranger):
        address, by_loopback, by_itself = inside(other, LISTEN)
        assert (by_loopback, by_itself) == ("hello", "hello")
        assert inside(probe, code, address=address, seconds=SHORT_S) == "TimeoutError"
    server.client.delete_function(FunctionName=stranger.name)


def test_there_is_no_ipv6_beyond_the_own_loopback(probe: Function) -> None:
    code = """if True:
        import socket
        lines = [line.split() for line in open("/proc/net/if_inet6")]
        answer = [line[-1] for line in lines], reach(("2001:db8::1", 80), 20, socket.AF_INET6)
    """
    interfaces, reached = inside(probe, code)
    assert set(interfaces) <= {"lo"}
    assert reached == "OSError", "there is no route"


FORGE = """
import ctypes, os, socket, struct, sys
pid, to, *sources = sys.argv[1:]
fd = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
assert ctypes.CDLL(None).setns(fd, 0x40000000) == 0
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
    for number, source in enumerate(sources):
        udp = struct.pack(">HHHH", 9, 3000 + number, 8, 0)
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(to))
        raw.sendto(ip + udp, (to, 0))
"""


def pid_of(server: Server, function: Function) -> int:
    """A process of the function's one sandbox: it holds a TCP port that nobody else does."""
    port = 20_000 + os.getpid() % 10_000
    inside(
        function,
        "import socket, sys; sys.held = socket.create_server(('127.0.0.1', given['port']))\nanswer = 1",
        port=port,
    )
    wanted = f"0100007F:{port:04X}"
    for process in server.family():
        try:
            if wanted in Path(f"/proc/{process.pid}/net/tcp").read_text():
                return process.pid
        except OSError:
            continue
    raise AssertionError("no process has that port")


def test_forged_source_addresses_do_not_leave_the_sandbox(near: Server, host: Outside) -> None:
    """Sent by root with raw sockets from inside: no function can, but should one ever learn how, it gains nothing."""
    function = near.deploy(PROBE)
    own, neighbour = inside(function, "answer = own()"), inside(near.deploy(PROBE), "answer = own()")
    sources = ["203.0.113.9", host.here, neighbour, own]
    command = [sys.executable, "-c", FORGE, str(pid_of(near, function)), host.address, *sources]
    subprocess.run(command, check=True, timeout=60)

    wait_until(lambda: 3003 in host.ports())  # what tells the truth comes through, and last
    assert not {3000, 3001, 3002} & set(host.ports())


# -- clones, whose cables the agent lays


@pytest.mark.parametrize(("config", "reached"), [({}, True), ({"VpcConfig": VPC}, False)])
def test_clones_of_a_snapshot_have_the_network_of_their_function(
    near: Server, host: Outside, config: dict[str, Any], reached: bool
) -> None:
    if int(near.runtime.rpartition(".")[2]) < 12:
        pytest.skip("SnapStart needs Python 3.12")
    function = near.deploy(PROBE, SnapStart={"ApplyOn": "PublishedVersions"}, **config)
    version = near.client.publish_version(FunctionName=function.name)["Version"]
    near.client.get_waiter("published_version_active").wait(FunctionName=function.name, Qualifier=version)
    code = """if True:
        import os, socket
        door = socket.create_connection(("127.0.0.1", 4566), 20)
        door.sendall(b"GET /2015-03-31/functions HTTP/1.0\\r\\n\\r\\n")
        kind = os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
        answer = reach(given["address"], given["seconds"]), kind, door.recv(100).decode().split()[1]
    """
    event = {"code": code, "given": {"address": [host.address, PORT], "seconds": 20 if reached else SHORT_S}}
    answer = function.call(event, Qualifier=version)
    assert answer.value == [host.here if reached else "TimeoutError", "snap-start", "200"]


# -- in a VPC


def test_a_vpc_without_a_route_out_lets_connections_hang(cut_off: Function, host: Outside, near: Server) -> None:
    code = "answer = reach(given['address'], given['seconds'])"
    assert inside(cut_off, code, address=[host.address, PORT], seconds=SHORT_S) == "TimeoutError"
    assert near.client.get_function_configuration(FunctionName=cut_off.name)["VpcConfig"]["SubnetIds"] == ["subnet-far"]


def test_names_are_resolved_in_a_vpc_as_on_aws(cut_off: Function) -> None:
    assert inside(cut_off, "import socket; answer = socket.gethostbyname(given['name'])", name=NAME) == ANSWER


def test_a_function_follows_its_vpc_configuration(near: Server, host: Outside) -> None:
    function = near.deploy(PROBE, VpcConfig=VPC)
    code = "answer = reach(given['address'], given['seconds'])"
    assert inside(function, code, address=[host.address, PORT], seconds=SHORT_S) == "TimeoutError"

    for config in (VPC | {"SubnetIds": ["subnet-near", "subnet-beside"]}, {"SubnetIds": [], "SecurityGroupIds": []}):
        near.client.update_function_configuration(FunctionName=function.name, VpcConfig=config)
        wait_until(
            lambda: (
                near.client.get_function_configuration(FunctionName=function.name)["LastUpdateStatus"] == "Successful"
            )
        )
        assert inside(function, code, address=[host.address, PORT], seconds=20) == host.here


# -- back to Lambent


BACK = """
    import boto3, json, os, urllib.request
    def handler(event, context):
        if event == "double":
            return 42
        answer = boto3.client("lambda").invoke(FunctionName=event["name"], Payload=json.dumps("double"))
        names = [each["FunctionName"] for each in boto3.client("lambda").list_functions()["Functions"]]
        try:
            urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/_lambent/status")
        except urllib.error.HTTPError as refusal:
            status = refusal.code
        return json.load(answer["Payload"]), names, status
"""


def test_aws_clients_in_functions_lead_back_to_lambent_under_the_functions_own_account(near: Server) -> None:
    account, name = "123456789012", "back"
    near.client, usual = client(near.endpoint, account), near.client
    try:
        function = near.deploy(BACK, name)
        answer = function.call({"name": name})
    finally:
        near.client = usual
    assert answer.value == [42, [name], 403]


@pytest.mark.parametrize(
    ("variables", "seen"),
    [
        ({}, {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}),
        ({"AWS_ENDPOINT_URL": "http://elsewhere"}, {"AWS_ENDPOINT_URL": "http://elsewhere"}),
        ({"AWS_ENDPOINT_URL_S3": "http://elsewhere"}, {"AWS_ENDPOINT_URL_S3": "http://elsewhere"}),
    ],
)
def test_a_functions_own_choice_of_endpoint_stays(
    near: Server, variables: dict[str, str], seen: dict[str, str]
) -> None:
    function = near.deploy(PROBE, Environment={"Variables": variables})
    code = "import os; answer = {name: value for name, value in os.environ.items() if 'ENDPOINT_URL' in name}"
    assert inside(function, code) == seen


# -- without, and afterwards


def test_without_outbound_and_endpoint_there_is_the_own_loopback_only(serve: Serve, host: Outside) -> None:
    server = serve("--no-outbound", "--no-function-endpoint")
    plain, in_vpc = server.deploy(PROBE), server.deploy(PROBE, VpcConfig=VPC)
    code = """if True:
        import os, socket
        names = [name for _, name in socket.if_nameindex()]
        answer = names, reach(given["address"], given["seconds"]), "AWS_ENDPOINT_URL" in os.environ
    """
    assert inside(plain, code, address=[host.address, PORT], seconds=20) == [["lo"], "OSError", False]
    names, reached, _ = inside(in_vpc, code, address=[host.address, PORT], seconds=SHORT_S)
    assert (names[:2], reached) == (["lo", "eth0"], "TimeoutError"), "it hangs as with a network"
    assert table_of(server) not in rules()


def test_user_namespaces_have_the_endpoint_but_no_way_out_and_say_so(serve: Serve, host: Outside) -> None:
    server = serve("--isolation", "userns")
    assert "no outbound network: only root" in server.said()
    plain, in_vpc = server.deploy(PROBE), server.deploy(PROBE, VpcConfig=VPC)
    code = """if True:
        import os, urllib.request
        url = os.environ["AWS_ENDPOINT_URL"] + "/2015-03-31/functions"
        answer = reach(given["address"], given["seconds"]), urllib.request.urlopen(url).status
    """
    assert inside(plain, code, address=[host.address, PORT], seconds=20) == ["OSError", 200]
    assert inside(in_vpc, code, address=[host.address, PORT], seconds=SHORT_S) == ["TimeoutError", 200]


def test_servers_do_not_disturb_each_other_and_clean_up(serve: Serve, probe: Function, host: Outside) -> None:
    other = serve()
    function = other.deploy(PROBE)
    code = "answer = reach(given['address'])"
    with ThreadPoolExecutor(2) as threads:
        both = list(threads.map(lambda each: inside(each, code, address=[host.address, PORT]), (probe, function)))
    assert both == [host.here, host.here]
    assert table_of(other) in rules()
    assert interfaces(other)
    mark = rules().partition(table_of(other))[2][:8]

    other.stop()
    assert table_of(other) not in rules()
    wait_until(lambda: not [name for _, name in socket.if_nameindex() if name.startswith(f"lb{mark}-")])
    assert inside(probe, code, address=[host.address, PORT]) == host.here


def test_what_a_killed_server_left_is_gone_after_the_next_start(serve: Serve, host: Outside) -> None:
    server = serve()
    function = server.deploy(PROBE)
    family = server.family()
    for each in family:
        os.kill(each.pid, 9)  # the agent and its parent too: nobody is left to clean up
    server.kill()
    wait_until(lambda: not interfaces(server))
    assert rules().count(f"table inet {table_of(server)}") == 1

    again = serve(data=server.data)
    assert rules().count(f"table inet {table_of(server)}") == 1
    found = Function(again, function.name)
    assert inside(found, "answer = reach(given['address'])", address=[host.address, PORT]) == host.here
    again.stop()
    assert table_of(server) not in rules()


def test_plain_processes_refuse_what_they_cannot_obey(serve: Serve) -> None:
    server = serve("--isolation", "process")
    function = server.deploy(PROBE, VpcConfig=VPC)
    with pytest.raises(server.client.exceptions.ServiceException, match="VpcConfig cannot be obeyed"):
        function.call({"code": "answer = 1", "given": {}})

    allowed = server.deploy(PROBE)
    code = "import os; answer = os.environ['AWS_ENDPOINT_URL']"
    assert inside(allowed, code) == server.endpoint
