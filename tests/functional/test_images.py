"""Functions whose code is a container image, from the command line to the answer."""

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from image_files import compiled, config, digest, docker_archive, layer, layout, libraries
from real_server import ROLE, ROOT, Function, Server, clean_environment, wait_until

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="images are mounted"),
    pytest.mark.skipif(not shutil.which("gcc") and os.environ.get("CI") != "true", reason="no C compiler"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("images")


def lambent(server: Server, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "lambent", *words, "--endpoint-url", server.endpoint],
        env=clean_environment(), capture_output=True, text=True, cwd=ROOT, timeout=120, check=False,
    )  # fmt: skip


def add(server: Server, source: Path | str, name: str) -> None:
    done = lambent(server, "images", "add", str(source), "--name", name)
    assert done.returncode == 0, done.stderr
    assert f"{name if ':' in name else name + ':latest'} added as sha256:" in done.stdout


def create(server: Server, uri: str, **configuration: Any) -> Function:
    name = f"image-{uuid.uuid4().hex[:12]}"
    usual = {"MemorySize": 1769, "Timeout": 60}
    server.client.create_function(
        FunctionName=name, Role=ROLE, PackageType="Image", Code={"ImageUri": uri}, **(usual | configuration)
    )
    server.wait_until_active(name)
    return Function(server, name)


@pytest.fixture
def deploy_image(server: Server) -> Iterator[Callable[..., Function]]:
    made: list[Function] = []

    def deploy(uri: str, **configuration: Any) -> Function:
        made.append(create(server, uri, **configuration))
        return made[-1]

    yield deploy
    for function in made:
        server.client.delete_function(FunctionName=function.name)


@pytest.fixture(scope="module")
def app(server: Server, home: Path) -> str:
    """An image of two layers, whose upper one hides and replaces what the lower one has."""
    lower = layer({
        "srv/": None, "srv/kept": "lower", "srv/hidden": "lower", "srv/changed": "lower", "usr/bin/": None,
        "bin": "-> usr/bin", "etc/passwd": "root:x:0:0::/:/bin/sh\n", "opt/": None, "etc/hosts": "of the image",
        "data/old": "lower",
    })  # fmt: skip
    upper = layer({
        "bin/serve": compiled(home), "srv/.wh.hidden": "", "srv/changed": "upper", "srv/link": "-> changed",
        "data/.wh..wh..opq": "", "data/new": "upper", "tmp": "-> /srv",
    })  # fmt: skip
    path = layout(
        home / "app", [lower, upper], Entrypoint=["serve", "--image"], Cmd=["of", "image"], WorkingDir="/srv",
        Env=["PATH=/usr/bin", "GREETING=of the image", "TZ=Europe/Berlin", "AWS_REGION=of-the-image"],
    )  # fmt: skip
    add(server, path, "app:v1")
    return "app:v1"


def test_an_image_runs_as_it_says_in_its_own_root(app: str, deploy_image: Callable[..., Function]) -> None:
    function = deploy_image(app, Environment={"Variables": {"OWN": "variable"}})

    def see(what: str) -> str:
        answer = function.call(what)
        assert answer.error is None, answer.value
        return str(answer.value)

    assert see("argv") == "serve --image of image"
    assert see("cwd") == "/srv"
    assert see("uid") == "not root" or os.geteuid()
    assert see("list /srv") == "changed kept link "
    assert see("list /data") == "new "
    assert [see("read /srv/kept"), see("read /srv/changed"), see("read link")] == ["lower", "upper", "upper"]
    assert see("link /bin") == "usr/bin"
    assert see("env GREETING") == "of the image"
    assert see("env OWN") == "variable"
    assert see("env TZ") == "Europe/Berlin"
    assert see("env AWS_REGION") == "us-east-1"
    assert see("env AWS_EXECUTION_ENV") == "(unset)"
    assert see("env AWS_LAMBDA_FUNCTION_NAME") == function.name


def test_nothing_of_the_host_or_of_the_runtime_s_root_is_left_in_an_image(
    app: str, deploy_image: Callable[..., Function]
) -> None:
    function = deploy_image(app)
    entries = str(function.call("list /").value).split()

    assert entries == ["bin", "data", "dev", "etc", "mnt", "opt", "proc", "srv", "sys", "tmp", "usr"]
    assert function.call("list /usr").value == "bin "
    assert function.call("list /sys").value == ""
    assert function.call("read /proc/1/root/etc/hostname").value == "Permission denied"
    assert "overlay" not in str(function.call("read /proc/self/mountinfo").value)
    assert str(function.call("read /proc/self/mountinfo").value).count("/.lambent") == 0
    assert "localhost" in str(function.call("read /etc/hosts").value)
    assert function.call("read /etc/passwd").value == "root:x:0:0::/:/bin/sh\n"
    assert "null" in str(function.call("list /dev").value)


def test_only_tmp_can_be_written_in_an_image(app: str, deploy_image: Callable[..., Function]) -> None:
    function = deploy_image(app)

    assert function.call("write /tmp/new").value == "written"
    assert function.call("list /tmp").value == "new "
    assert function.call("list /srv").value == "changed kept link "
    for place in (
        "/new",
        "/srv/kept",
        "/srv/new",
        "/etc/hosts",
        "/etc/resolv.conf",
        "/dev/new",
        "/proc/sys/kernel/core_pattern",
    ):
        assert function.call(f"write {place}").value in {"Read-only file system", "Permission denied"}, place


def test_image_config_wins_over_the_image(app: str, deploy_image: Callable[..., Function]) -> None:
    function = deploy_image(
        app, ImageConfig={"EntryPoint": ["/bin/serve"], "Command": ["own"], "WorkingDirectory": "/data"}
    )

    assert function.call("argv").value == "/bin/serve own"
    assert function.call("cwd").value == "/data"


@pytest.mark.parametrize(
    ("wanted", "kind", "message"),
    [
        (
            {"EntryPoint": ["/bin/nothing"]},
            "Runtime.InvalidEntrypoint",
            "fork/exec /bin/nothing: no such file or directory",
        ),
        ({"EntryPoint": ["/srv/kept"]}, "Runtime.InvalidEntrypoint", "fork/exec /srv/kept: exec format error"),
        (
            {"EntryPoint": ["nothing"]},
            "Runtime.InvalidEntrypoint",
            'exec: "nothing": executable file not found in $PATH',
        ),
        ({"WorkingDirectory": "/nowhere"}, "Runtime.InvalidWorkingDir", "chdir /nowhere: no such file or directory"),
        (
            {"WorkingDirectory": "srv"},
            "Runtime.InvalidWorkingDir",
            "the working directory 'srv' is invalid, it needs to be an absolute path",
        ),
    ],
)
def test_what_cannot_be_started_is_reported_as_on_aws(
    app: str, deploy_image: Callable[..., Function], wanted: dict[str, Any], kind: str, message: str
) -> None:
    answer = deploy_image(app, ImageConfig=wanted).call("argv")

    assert answer.error == "Unhandled"
    assert answer.value["errorType"] == kind
    assert message in answer.value["errorMessage"]


def test_an_image_without_a_program_is_reported_as_on_aws(
    server: Server, home: Path, deploy_image: Callable[..., Function]
) -> None:
    add(server, layout(home / "empty", [layer({"etc/": None})]), "empty")

    answer = deploy_image("empty").call("argv")

    assert answer.value["errorType"] == "Runtime.InvalidEntrypoint"
    assert "Couldn't find valid bootstrap(s)" in answer.value["errorMessage"]


def test_a_dynamic_program_finds_its_libraries_in_the_layer_below(
    server: Server, home: Path, deploy_image: Callable[..., Function]
) -> None:
    program = compiled(home, static=False)
    base: dict[str, Any] = {"usr/lib64/": None, "lib64": "-> usr/lib64"}
    base |= {str(path)[1:].replace("lib64/", "usr/lib64/", 1): path.resolve() for path in libraries(program)}
    path = docker_archive(home / "dynamic.tar", "dynamic:v1", [layer(base), layer({"var/runtime/bootstrap": program})])
    done = lambent(server, "images", "add", str(path))
    assert "dynamic:v1 added" in done.stdout, done.stderr

    function = deploy_image("000000000000.dkr.ecr.us-east-1.amazonaws.com/dynamic:v1")

    assert function.call("argv").value == "/var/runtime/bootstrap"
    assert function.call("cwd").value == "/"
    assert function.call("env PATH").value == "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def test_what_the_image_logs_and_how_it_dies_is_seen_like_any_other_function(
    server: Server, home: Path, deploy_image: Callable[..., Function]
) -> None:
    add(server, layout(home / "dying", [layer({"serve": compiled(home)})], Entrypoint=["/serve"]), "dying")
    function = deploy_image("dying")
    answer = function.call("env")  # without a name: it dereferences nothing

    assert answer.value["errorType"] == "Runtime.ExitError"
    assert "signal: segmentation fault" in answer.value["errorMessage"]
    assert "REPORT RequestId" in answer.log
    assert "INIT_START" not in "".join(function.logs())
    assert function.call("cwd").value == "/"


def test_extensions_of_an_image_are_started(server: Server, home: Path, deploy_image: Callable[..., Function]) -> None:
    """An extension that cannot be executed fails the init: which shows that the image's own /opt was looked at."""
    extension = layer({"opt/extensions/broken": "no program at all"})
    path = layout(home / "extended", [layer({"serve": compiled(home)}), extension], Entrypoint=["/serve"])
    add(server, path, "extended")

    answer = deploy_image("extended").call("cwd")

    assert answer.error == "Unhandled"
    assert answer.value["errorType"] == "Extension.LaunchError"


def test_an_update_takes_the_image_that_the_name_means_now(
    server: Server, home: Path, deploy_image: Callable[..., Function]
) -> None:
    program = layer({"serve": compiled(home)})
    add(server, layout(home / "one", [program, layer({"who": "one"})], Entrypoint=["/serve"]), "moving:v")
    function = deploy_image("moving:v")
    assert function.call("read /who").value == "one"
    add(server, layout(home / "two", [program, layer({"who": "two"})], Entrypoint=["/serve"]), "moving:v")
    assert function.call("read /who").value == "one"

    server.client.update_function_code(FunctionName=function.name, ImageUri="moving:v")
    server.client.get_waiter("function_updated_v2").wait(FunctionName=function.name)

    assert function.call("read /who").value == "two"


def test_the_command_line_lists_and_removes_images_and_functions_go_on(
    server: Server, home: Path, deploy_image: Callable[..., Function]
) -> None:
    add(server, layout(home / "listed", [layer({"serve": compiled(home)})], Entrypoint=["/serve"]), "listed:v9")
    function = deploy_image("listed:v9")

    def listed() -> list[str]:
        return [each["name"] for each in json.loads(lambent(server, "images", "--json").stdout)]

    assert "listed:v9" in listed()
    assert "listed:v9" in lambent(server, "images").stdout
    assert lambent(server, "images", "remove", "listed:v9").returncode == 0
    assert "listed:v9" not in listed()
    assert function.call("cwd").value == "/"
    again = lambent(server, "images", "remove", "listed:v9")
    assert again.returncode == 1
    assert "There is no image listed:v9" in again.stderr


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"../escape": "x"}, "leads out of the image"),
        ({"a": "x", "a/b": "y"}, "below something that is not a directory"),
    ],
)
def test_a_hostile_image_is_refused_with_its_reason(
    server: Server, home: Path, files: dict[str, Any], reason: str
) -> None:
    path = layout(home / uuid.uuid4().hex, [layer(files)])

    done = lambent(server, "images", "add", str(path), "--name", "hostile")

    assert done.returncode == 1
    assert reason in done.stderr
    assert "hostile" not in lambent(server, "images").stdout


def test_what_is_no_image_is_refused_by_the_command_line(server: Server, home: Path) -> None:
    (home / "no.tar").write_bytes(layer({"a": "b"}))
    for source, reason in [
        (str(home / "no.tar"), "neither a manifest.json nor an index.json"),
        (str(home), "cannot be read as a container image"),
        ("nothing-of-the-kind", "neither a file nor a directory here"),
    ]:
        done = lambent(server, "images", "add", source, "--name", "x")
        assert done.returncode == 1
        assert reason in done.stderr


class _Registry(http.server.BaseHTTPRequestHandler):
    """Just enough of a registry, over one OCI layout."""

    path_of_layout: Path

    def do_GET(self) -> None:
        kind, _, reference = self.path.removeprefix("/v2/team/app/").partition("/")
        if kind == "manifests":
            index = json.loads((self.path_of_layout / "index.json").read_text())
            reference = index["manifests"][0]["digest"]
        found = self.path_of_layout / "blobs" / reference.replace(":", "/")
        self.send_response(200 if found.is_file() else 404)
        self.end_headers()
        self.wfile.write(found.read_bytes() if found.is_file() else b"")

    def log_message(self, *_: Any) -> None:
        return


def test_an_image_comes_from_a_registry_on_this_machine(
    server: Server, home: Path, deploy_image: Callable[..., Function]
) -> None:
    _Registry.path_of_layout = layout(home / "pushed", [layer({"serve": compiled(home)})], Entrypoint=["/serve"])
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Registry) as registry:
        thread = threading.Thread(target=registry.serve_forever)
        thread.start()
        reference = f"127.0.0.1:{registry.server_port}/team/app:v1"
        done = lambent(server, "images", "add", reference)
        registry.shutdown()
        thread.join()
    assert f"{reference} added" in done.stdout, done.stderr

    assert deploy_image(reference).call("cwd").value == "/"


@pytest.mark.root
def test_images_survive_kill_9_and_run_in_user_namespaces_but_not_in_plain_processes(
    serve: Callable[..., Server], home: Path, tmp_path: Path
) -> None:
    server = serve(data=tmp_path / "data")
    add(server, layout(home / "lasting", [layer({"serve": compiled(home)})], Entrypoint=["/serve"]), "lasting")
    function = create(server, "lasting")
    assert function.call("cwd").value == "/"
    server.kill()
    wait_until(lambda: not server.family())
    weaker = serve("--isolation", "userns", data=tmp_path / "data")
    assert Function(weaker, function.name).call("list /").value == "dev etc mnt proc serve sys tmp "
    assert weaker.stop() == 0
    plain = serve("--isolation", "process", data=tmp_path / "data")
    with pytest.raises(plain.client.exceptions.ServiceException, match="need namespaces"):
        Function(plain, function.name).call("cwd")
    with pytest.raises(plain.client.exceptions.InvalidParameterValueException, match="need namespaces"):
        create(plain, "lasting")


def test_half_an_image_leaves_nothing_behind(server: Server) -> None:
    blob = layer({"a": "x"})
    manifest = {"config": {"digest": f"sha256:{digest(config([blob]))}", "size": 1}, "layers": []}
    wanted = urllib.request.Request(
        f"{server.endpoint}/_lambent/images?name=half", data=json.dumps(manifest).encode(), method="PUT"
    )

    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(wanted, timeout=60)

    with caught.value as answer:
        assert answer.code == 400
        assert "is missing" in answer.read().decode()
    assert "half" not in lambent(server, "images").stdout
