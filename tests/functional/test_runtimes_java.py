"""Functions in Java on the real server: typed and stream handlers, the context, errors, options; compiled here."""

import io
import os
import subprocess
import zipfile
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from real_server import ROOT, Function, Server, zip_of

from lambent.runtimes.finder import find

ORDER = {
    "items": [{"name": "a", "price": 2.5}, {"name": "b", "price": "3", "unknown": {}}],
    "counts": {"é": 1},
    "SIZE": "BIG",
    "numbers": 7,
    "blob": b64encode(b"bytes").decode(),
}
Make = Callable[..., Function]


@pytest.fixture(scope="module")
def runtime() -> str:
    """A runtime name of the oldest Java here. There must be a compiler too."""
    found = [info for info in find(os.environ).values() if info.kind == "java"]
    compilers = [info for info in found if Path(info.executable).with_name("javac").exists()]
    if not compilers and os.environ.get("CI") == "true":
        pytest.fail("there is no JDK; scripts/install should have installed one in CI")
    if not compilers:
        pytest.skip("there is no JDK here")
    return min(compilers, key=lambda info: int(info.version.partition(".")[0])).name


@pytest.fixture(scope="module")
def package(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The functions as a build tool packs them: classes at the top, what they need in lib/*.jar."""
    place = tmp_path_factory.mktemp("java")
    javac = Path(find(os.environ)[runtime].executable).with_name("javac")
    api = sorted((ROOT / "guest/java/api").rglob("*.java"))
    app = ROOT / "tests/functional/java/App.java"
    compile_ = [str(javac), "--release", "11", "-d"]
    subprocess.run([*compile_, str(place / "api"), *map(str, api)], check=True, timeout=120)
    subprocess.run([*compile_, str(place / "app"), "-cp", str(place / "api"), str(app)], check=True, timeout=120)
    return zip_of(classes(place / "app") | {"lib/core.jar": zip_of(classes(place / "api"))})


def classes(folder: Path) -> dict[str, str | bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.class")}


@pytest.fixture
def make(deploy: Callable[..., Function], runtime: str, package: bytes) -> Make:
    def make(handler: str, code: bytes = package, **configuration: Any) -> Function:
        return deploy(code, Runtime=runtime, Handler=handler, **({"MemorySize": 512} | configuration))

    return make


def test_an_event_becomes_the_handlers_type_and_its_answer_json(make: Make) -> None:
    function = make("example.App")
    answer = function.call(ORDER)
    expected = {"total": 5.5, "size": "BIG", "paid": True, "url": "a:b", "seen": [{"é": 1}, [7], ORDER["blob"]]}
    assert answer.value == expected, "members that are null are left out"
    assert "logged\rin two lines\n" in answer.log
    assert "printed\n" in answer.log
    assert function.call(ORDER).value == expected

    failed = function.call({})
    frame = "example.App.handleRequest(App.java:"
    assert (failed.error, failed.error_type, failed.error_message) == (
        "Unhandled", "java.lang.IllegalStateException", "no items",
    )  # fmt: skip
    assert [line.startswith(frame) for line in failed.value["stackTrace"]] == [True]
    assert (failed.value["cause"]["errorType"], failed.value["cause"]["errorMessage"]) == (
        "java.lang.RuntimeException", "inner",
    )  # fmt: skip
    assert "no items: java.lang.IllegalStateException\rjava.lang.IllegalStateException: no items\r" in failed.log

    unreadable = function.call("text")
    assert unreadable.error_message == "An error occurred during JSON parsing"


def test_streams_texts_and_lists_need_no_class_of_their_own(make: Make) -> None:
    assert make("example.App$Echo").call({"as": ["it", "is"]}).value == {"as": ["it", "is"]}
    assert make("example.App::text").call("abcé").value == "ABCÉ"
    assert make("example.App::list").call([1]).value == [1, 7]


def test_a_layers_jars_are_found_and_so_are_aws_interfaces_that_nobody_packed(
    server: Server, make: Make, package: bytes
) -> None:
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        echo = archive.read("example/App$Echo.class")
    layer = zip_of({"java/lib/echo.jar": zip_of({"example/App$Echo.class": echo})})
    published = server.client.publish_layer_version(LayerName="echo", Content={"ZipFile": layer})
    bare = zip_of({"readme": "the code is in the layer"})
    function = make("example.App$Echo", code=bare, Layers=[published["LayerVersionArn"]])
    assert function.call([1]).value == [1]


def test_the_context_and_the_functions_options_are_as_on_aws(server: Server, make: Make, runtime: str) -> None:
    """The option comes by JAVA_TOOL_OPTIONS, which an AWS_LAMBDA_EXEC_WRAPPER sets: both count."""
    layer = zip_of({"wrapper": '#!/bin/sh\nexport JAVA_TOOL_OPTIONS="-Dmine=yes"\nexec "$@"\n'})
    published = server.client.publish_layer_version(LayerName="wrapper", Content={"ZipFile": layer})
    function = make(
        "example.App::context", MemorySize=1000, Layers=[published["LayerVersionArn"]],
        Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"}},
    )  # fmt: skip
    context = b64encode(b'{"custom": {"k": "v"}, "client": {"app_title": "shop"}}').decode()
    answer = function.call(ClientContext=context)
    told = answer.value
    assert told.pop("id") == answer.request_id
    assert told.pop("arn").endswith(f":function:{function.name}")
    assert 800 < told.pop("heapMb") <= 850, "85 % of the function's memory"
    number = "".join(each for each in runtime.partition(".")[0] if each.isdigit())
    assert told == {
        "name": True, "memory": 1000, "inTime": True, "custom": {"k": "v"}, "app": "shop", "identity": "null",
        "option": "yes", "version": number,
    }  # fmt: skip


def test_an_error_of_the_machine_itself_ends_the_environment(make: Make) -> None:
    answer = make("example.App::hoard", MemorySize=256).call(1)
    assert (answer.error_type, answer.error_message) == ("java.lang.OutOfMemoryError", "Java heap space")


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        ("example.Nowhere", "java.lang.ClassNotFoundException", "Class not found: example.Nowhere"),
        ("example.App::nothing", "java.lang.NoSuchMethodException", "No public method named nothing"),
        ("example.App$Item", "java.lang.Exception", "does not implement an appropriate handler interface"),
    ],
)
def test_a_handler_that_is_not_there_fails_init(make: Make, handler: str, kind: str, message: str) -> None:
    answer = make(handler).call(1)
    assert (answer.error, answer.error_type) == ("Unhandled", kind)
    assert message in answer.error_message
