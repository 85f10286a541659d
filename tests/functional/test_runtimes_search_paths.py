"""Where each runtime looks for code: the function's own, its layers', the platform's, in AWS's order."""

import uuid
from collections.abc import Callable

import boto3
import pytest
from real_server import Function, Server, wait_until, zip_of

from lambent.sandbox.sdk import least_python

Make = Callable[..., Function]

PYTHON = """
    import os, shutil, subprocess, sys
    import common, versioned, shadowed
    def handler(event, context):
        said = subprocess.run(["tool"], capture_output=True, text=True).stdout
        order = [place for place in sys.path if place.startswith(("/var/task", "/opt", "/var/runtime"))]
        return [common.WHERE, versioned.WHERE, shadowed.WHERE, said, order, "/opt/lib" in os.environ["LD_LIBRARY_PATH"]]
"""
NODE = """
    exports.handler = async () => [require('common'), require('versioned'), require('shadowed')]
"""
WITH_BOTO3 = """
    import sys
    def handler(event, context):
        loaded = "botocore" in sys.modules
        try:
            import boto3, botocore, dateutil, jmespath, s3transfer, urllib3
        except ImportError as error:
            return [loaded, str(error)]
        boto3.client("s3", region_name="us-east-1")
        return [loaded, boto3.__version__]
"""
OWN_BOTO3 = "import boto3\ndef handler(event, context): return boto3.WHOSE"


@pytest.fixture
def make(server: Server, deploy: Callable[..., Function]) -> Make:
    """Deploys a package, with a layer of these files if there are any."""

    def make(runtime: str, handler: str, files: dict[str, str], layer: dict[str, str] | None = None) -> Function:
        layers = []
        if layer:
            name, content = f"paths-{uuid.uuid4().hex[:12]}", {"ZipFile": zip_of(layer)}
            layers = [server.client.publish_layer_version(LayerName=name, Content=content)["LayerVersionArn"]]
        return deploy(files, Runtime=runtime, Handler=handler, Layers=layers)

    return make


def pythons(server: Server) -> list[str]:
    return [each["name"] for each in server.status()["runtimes"] if each["kind"] == "python"]


def test_python_finds_packages_and_programs_of_layers_behind_its_own(server: Server, make: Make) -> None:
    runtime = server.runtime
    versioned = f"python/lib/{runtime}/site-packages"
    layer = {
        "python/common.py": "WHERE = 'python'",
        f"{versioned}/versioned.py": "WHERE = 'versioned'",
        "python/versioned.py": "WHERE = 'not this one'",
        "python/shadowed.py": "WHERE = 'not this one'",
        "bin/tool": "#!/bin/sh\nprintf tool",
    }
    own = {"app.py": PYTHON, "shadowed.py": "WHERE = 'own'"}
    order = ["/var/task", f"/opt/{versioned}", "/opt/python", "/var/runtime"]
    answer = make(runtime, "app.handler", own, layer).call()
    assert answer.value == ["python", "versioned", "own", "tool", order, True]


def test_node_finds_modules_of_layers_behind_its_own(server: Server, make: Make) -> None:
    nodes = [each["name"] for each in server.status()["runtimes"] if each["kind"] == "node"]
    if not nodes:
        pytest.skip("no Node.js here")
    runtime = nodes[-1]
    major = runtime.removeprefix("nodejs").removesuffix(".x")
    layer = {
        "nodejs/node_modules/common.js": "module.exports = 'node_modules'",
        f"nodejs/node{major}/node_modules/versioned.js": "module.exports = 'versioned'",
        "nodejs/node_modules/versioned.js": "module.exports = 'not this one'",
        "nodejs/node_modules/shadowed.js": "module.exports = 'not this one'",
    }
    own = {"index.js": NODE, "node_modules/shadowed.js": "module.exports = 'own'"}
    assert make(runtime, "index.handler", own, layer).call().value == ["node_modules", "versioned", "own"]


def test_a_bootstrap_may_come_from_a_layer(make: Make) -> None:
    bootstrap = '#!/bin/sh\necho "started by $0" >&2\nexit 3\n'
    function = make("provided.al2023", "any", {"readme": "no program here"}, {"bootstrap": bootstrap})
    assert function.call().error_type == "Runtime.ExitError"
    assert wait_until(lambda: "started by /opt/bootstrap" in function.logs())


def test_boto3_can_be_imported_in_every_python_that_it_supports_and_is_loaded_by_nobody_else(
    server: Server, make: Make
) -> None:
    least = int(least_python().partition(".")[2])
    names = pythons(server)
    old = [name for name in names if int(name.partition(".")[2]) < least]
    new = [name for name in names if name not in old]
    for runtime in (*new[:1], *new[-1:]):
        assert make(runtime, "app.handler", {"app.py": WITH_BOTO3}).call().value == [False, boto3.__version__]
    for runtime in old[-1:]:
        loaded, message = make(runtime, "app.handler", {"app.py": WITH_BOTO3}).call().value
        assert not loaded
        assert f"boto3 {boto3.__version__} needs Python {least_python()} or later" in message


def test_a_functions_own_boto3_wins_and_a_layers_too(server: Server, make: Make) -> None:
    own = make(server.runtime, "app.handler", {"app.py": OWN_BOTO3, "boto3/__init__.py": "WHOSE = 'own'"})
    assert own.call().value == "own"
    layer = {"python/boto3/__init__.py": "WHOSE = 'of the layer'"}
    assert make(server.runtime, "app.handler", {"app.py": OWN_BOTO3}, layer).call().value == "of the layer"
