"""Layers inside real functions: where they are found, in what order, and for how long."""

import sys
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from real_server import Function, Server, zip_of

TOOL = "#!/bin/sh\necho said by the tool\n"
PYTHON = """
    import pathlib, subprocess, sys
    import both, one_only, deep

    def handler(event, context):
        return {
            "modules": [both.WHO, one_only.WHO, deep.WHO],
            "files": {path.name: path.read_text() for path in pathlib.Path("/opt/data").iterdir()},
            "tool": subprocess.run(["tool"], capture_output=True, text=True, check=True).stdout,
            "writable": writable("/opt/data/new"),
        }

    def writable(path):
        try:
            open(path, "w").close()
        except OSError as error:
            return error.strerror
"""
NODE = """
    const {execFileSync} = require('node:child_process')
    exports.handler = async () => ({
        module: require('shared').who,
        versioned: require('only-here').who,
        tool: execFileSync('tool').toString(),
    })
"""


@pytest.fixture
def publish(server: Server) -> Callable[..., str]:
    """Publishes files as a new layer; the ARN of its version."""

    def publish(files: dict[str, str | bytes], name: str = "") -> str:
        answer = server.client.publish_layer_version(
            LayerName=name or f"layer-{uuid.uuid4().hex[:12]}", Content={"ZipFile": zip_of(files)}
        )
        return str(answer["LayerVersionArn"])

    return publish


def deploy_node(server: Server, layers: list[str]) -> Function:
    runtimes = [each["name"] for each in server.status()["runtimes"] if each["kind"] == "node"]
    if not runtimes:
        pytest.skip("no Node.js is installed")
    name = f"node-{uuid.uuid4().hex[:12]}"
    server.client.create_function(
        FunctionName=name, Role="arn:aws:iam::000000000000:role/any", Code={"ZipFile": zip_of({"index.js": NODE})},
        Runtime=runtimes[0], Handler="index.handler", MemorySize=1769, Timeout=60, Layers=layers,
    )  # fmt: skip
    server.wait_until_active(name)
    return Function(server, name)


@pytest.fixture
def python_layers(server: Server, publish: Callable[..., str]) -> list[str]:
    site = f"python/lib/{server.runtime}/site-packages"
    first = publish({
        "python/both.py": "WHO = 'first'", "python/one_only.py": "WHO = 'first'", "data/same": "first",
        "data/first": "1", "bin/tool": TOOL,
    })  # fmt: skip
    second = publish({
        "python/both.py": "WHO = 'second'", f"{site}/deep.py": "WHO = 'deep'",
        "data/same": "second", "data/second": "2",
    })  # fmt: skip
    return [first, second]


@pytest.mark.skipif(sys.platform != "linux", reason="layers are mounted")
def test_a_python_function_finds_modules_programs_and_files_of_its_layers_and_the_later_layer_wins(
    deploy: Callable[..., Function], python_layers: list[str]
) -> None:
    answer = deploy(PYTHON, Layers=python_layers).call()

    assert answer.error is None, answer.value
    assert answer.value["modules"] == ["second", "first", "deep"]
    assert answer.value["files"] == {"same": "second", "first": "1", "second": "2"}
    assert answer.value["tool"] == "said by the tool\n"
    assert answer.value["writable"] == "Read-only file system"


def test_the_order_of_the_layers_decides_and_can_be_changed(
    server: Server, deploy: Callable[..., Function], python_layers: list[str]
) -> None:
    function = deploy(PYTHON, Layers=python_layers)
    server.client.update_function_configuration(FunctionName=function.name, Layers=python_layers[::-1])
    server.client.get_waiter("function_updated_v2").wait(FunctionName=function.name)

    answer = function.call()

    assert answer.value["modules"] == ["first", "first", "deep"]
    assert answer.value["files"]["same"] == "first"


def test_a_node_function_finds_modules_and_programs_of_its_layers(server: Server, publish: Callable[..., str]) -> None:
    layers = [
        publish({"nodejs/node_modules/shared/index.js": "exports.who = 'layer'", "bin/tool": TOOL}),
        publish({"nodejs/node_modules/only-here/index.js": "exports.who = 'second'"}),
    ]
    function = deploy_node(server, layers)

    answer = function.call()

    assert answer.error is None, answer.value
    assert answer.value == {"module": "layer", "versioned": "second", "tool": "said by the tool\n"}
    server.client.delete_function(FunctionName=function.name)


def test_the_function_s_own_module_hides_that_of_a_layer(
    deploy: Callable[..., Function], publish: Callable[..., str]
) -> None:
    layer = publish({"python/app.py": "def handler(event, context): return 'the layer'"})
    function = deploy("def handler(event, context): return 'the function'", Layers=[layer])

    assert function.call().value == "the function"


def test_a_deleted_layer_goes_on_working_for_the_function_that_has_it_and_for_no_other(
    server: Server, deploy: Callable[..., Function], publish: Callable[..., str]
) -> None:
    layer = publish({"python/lent.py": "WHO = 'still here'"})
    source = "import lent\ndef handler(event, context): return lent.WHO"
    function = deploy(source, Layers=[layer])
    name, _, number = layer.rpartition(":")
    server.client.delete_layer_version(LayerName=name, VersionNumber=int(number))

    assert function.call().value == "still here"
    server.client.update_function_configuration(FunctionName=function.name, MemorySize=512)  # new sandboxes
    server.client.get_waiter("function_updated_v2").wait(FunctionName=function.name)
    assert function.call().value == "still here"
    with pytest.raises(server.client.exceptions.InvalidParameterValueException, match="does not exist"):
        server.deploy(source, Layers=[layer])


def test_a_bootstrap_may_come_from_a_layer(server: Server, publish: Callable[..., str]) -> None:
    """Runtime clients of provided.* are often shared this way: /opt/bootstrap is tried after /var/task/bootstrap."""
    bootstrap = """\
        #!/bin/sh
        api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
        while true; do
            id=$(curl -sS -D - -o /tmp/event "$api/invocation/next" | tr -d '\\r' \\
                | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
            curl -sS -o /dev/null -d '"from the layer"' "$api/invocation/$id/response"
        done
    """
    layer = publish({"bootstrap": bootstrap})
    function = server.deploy("", Runtime="provided.al2023", Handler="any", Layers=[layer])

    answer: Any = function.call()

    assert answer.value == "from the layer"
    server.client.delete_function(FunctionName=function.name)
