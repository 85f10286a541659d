"""Members of a function's configuration, obeyed where it runs: file systems, code from S3, keys, tracing, and changes
under load."""

import os
import re
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from image_files import compiled, layer, layout
from real_server import ROLE, ROOT, Function, Server, clean_environment, wait_until, zip_of

POINT = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0"
VPC = {"SubnetIds": ["subnet-0123456789abcdef0"], "SecurityGroupIds": ["sg-0123456789abcdef0"]}
OWNER = 12_345  # a user of the machine that owns the directory, and need not exist
KEY = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555"

SHARED = """
    import os, pathlib, stat

    def handler(event, context):
        shared = pathlib.Path("/mnt/shared")
        if event.get("write"):
            (shared / event["write"]).write_text(context.function_name)
        if event.get("add"):
            with open(shared / event["add"], "a") as file:
                file.write("+" + context.function_name)
        if event.get("set_id"):
            (shared / "tool").write_text("x")
            os.chmod(shared / "tool", 0o4755)
        files = {path.name: path.read_text() for path in shared.iterdir()}
        owners = {os.lstat(path).st_uid == os.geteuid() for path in shared.iterdir()}
        return {"files": files, "owners": sorted(owners), "mnt": os.listdir("/mnt"), "uid": os.geteuid()}
"""
SAYS = """
    import os, time

    def handler(event, context):
        if event and event.get("hold"):
            print("holding", event["hold"], flush=True)
            time.sleep(event["s"])
        return {"code": CODE, "variable": os.environ.get("VARIABLE"), "trace": os.environ["_X_AMZN_TRACE_ID"]}
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a directory that stands for an access point, and one that stands for S3."""
    place = tmp_path_factory.mktemp("members")
    (place / "shared").mkdir(mode=0o750)
    if os.geteuid() == 0:
        os.chown(place / "shared", OWNER, OWNER)
    (place / "s3" / "code").mkdir(parents=True)
    server = Server(
        place / "data", "--file-systems", f"{POINT}={place / 'shared'}", "--code-buckets", str(place / "s3")
    )  # fmt: skip
    yield server
    server.stop()


def shared(house: Server) -> Path:
    return house.data.parent / "shared"


def says(house: Server, code: str = "one", **configuration: Any) -> Function:
    return house.deploy(f"CODE = {code!r}\n" + _dedented(SAYS), **configuration)


def _dedented(text: str) -> str:
    return "\n".join(line[4:] for line in text.splitlines())


def mounting(house: Server, **configuration: Any) -> Function:
    mounts = [{"Arn": POINT, "LocalMountPath": "/mnt/shared"}]
    return house.deploy(SHARED, FileSystemConfigs=mounts, VpcConfig=VPC, **configuration)


@pytest.mark.root
def test_functions_share_a_directory_as_the_user_of_its_access_point(house: Server) -> None:
    one, two = mounting(house), mounting(house)
    (shared(house) / "from-outside").write_text("hello")
    os.chown(shared(house) / "from-outside", OWNER, OWNER)
    first = one.call({"write": "note"}).value
    second = two.call({"add": "note", "set_id": True}).value
    expected = {"from-outside": "hello", "note": f"{one.name}+{two.name}", "tool": "x"}
    assert second["files"].items() >= expected.items()
    assert (first["owners"], second["owners"], first["mnt"]) == ([True], [True], ["shared"])
    assert {path.stat().st_uid for path in shared(house).iterdir()} == {OWNER}  # whoever made them
    assert OWNER not in (first["uid"], second["uid"])
    with ThreadPoolExecutor(4) as pool:  # environments of one function, each with a user of its own
        list(pool.map(lambda n: one.call({"write": f"many-{n}"}), range(4)))
    assert {f"many-{n}" for n in range(4)} <= set(two.call({}).value["files"])
    config = house.client.get_function_configuration(FunctionName=one.name)
    assert config["FileSystemConfigs"] == [{"Arn": POINT, "LocalMountPath": "/mnt/shared"}]


@pytest.mark.root
@pytest.mark.skipif(not shutil.which("gcc") and os.environ.get("CI") != "true", reason="no C compiler")
def test_a_container_image_has_its_file_system_too(house: Server) -> None:
    place = house.data.parent
    image = layout(place / "image", [layer({"bin/serve": compiled(place)})], Entrypoint=["/bin/serve"])
    words = ["images", "add", str(image), "--name", "app:v1", "--endpoint-url", house.endpoint]
    done = subprocess.run(
        [sys.executable, "-m", "lambent", *words],
        env=clean_environment(), capture_output=True, text=True, cwd=ROOT, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    name = f"f-{uuid.uuid4().hex[:12]}"
    house.client.create_function(
        FunctionName=name, Role=ROLE, PackageType="Image", Code={"ImageUri": "app:v1"}, VpcConfig=VPC,
        FileSystemConfigs=[{"Arn": POINT, "LocalMountPath": "/mnt/shared"}],
    )  # fmt: skip
    house.wait_until_active(name)
    function = Function(house, name)
    assert function.call("write /mnt/shared/from-image").value == "written"
    assert (shared(house) / "from-image").stat().st_uid == OWNER
    assert function.call("list /mnt").value == "shared "
    assert function.call("write /mnt/new").value in {"Read-only file system", "Permission denied"}


@pytest.mark.root
def test_a_directory_that_is_gone_fails_the_call_as_on_aws(house: Server) -> None:
    function = mounting(house)
    away = shared(house).rename(shared(house).with_name("away"))
    try:
        with pytest.raises(ClientError) as caught:
            function.call({})
        assert caught.value.response["Error"]["Code"] == "EFSMountFailureException"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    finally:
        away.rename(shared(house))
    assert function.call({}).error is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"FileSystemConfigs": [{"Arn": POINT[:-1] + "1", "LocalMountPath": "/mnt/x"}]}, "does not exist"),
        ({"FileSystemConfigs": [{"Arn": POINT, "LocalMountPath": "/mnt/.."}]}, "must name a directory below /mnt"),
        ({"VpcConfig": {}}, f"must be configured to execute in a VPC to reference access point {POINT}."),
        ({"SnapStart": {"ApplyOn": "PublishedVersions"}}, "FileSystemConfigs"),
    ],
)
def test_what_cannot_be_mounted_is_refused(house: Server, changes: dict[str, Any], sentence: str) -> None:
    usual = {"FileSystemConfigs": [{"Arn": POINT, "LocalMountPath": "/mnt/shared"}], "VpcConfig": VPC}
    with pytest.raises(ClientError) as caught:
        house.client.create_function(
            FunctionName=f"f-{uuid.uuid4().hex[:12]}", Role=ROLE, Runtime=house.runtime, Handler="app.handler",
            Code={"ZipFile": zip_of({"app.py": SHARED})}, **(usual | changes),
        )  # fmt: skip
    assert caught.value.response["Error"]["Code"] == "InvalidParameterValueException"
    assert sentence in caught.value.response["Error"]["Message"]


def test_a_function_runs_from_an_object(house: Server) -> None:
    name = f"f-{uuid.uuid4().hex[:12]}"
    bucket = house.data.parent / "s3" / "code"
    (bucket / "apps").mkdir(exist_ok=True)
    (bucket / "apps" / "a.zip").write_bytes(
        zip_of({"app.py": "def handler(event, context): return 'from an object'\n"})
    )
    made = house.client.create_function(
        FunctionName=name, Role=ROLE, Runtime=house.runtime, Handler="app.handler",
        Code={"S3Bucket": "code", "S3Key": "apps/a.zip"},
    )  # fmt: skip
    assert made["CodeSize"] == (bucket / "apps" / "a.zip").stat().st_size
    house.wait_until_active(name)
    assert Function(house, name).call().value == "from an object"


def test_variables_are_of_no_use_without_the_key_that_was_named(house: Server) -> None:
    function = says(house, Environment={"Variables": {"VARIABLE": "secret"}}, KMSKeyArn=KEY)
    assert function.call().value["variable"] == "secret"
    (file,) = (house.data / "keys" / "kms").iterdir()
    kept = file.rename(house.data / "keys" / "kept")
    change(house, function, MemorySize=1770)  # so that a new environment is needed
    with pytest.raises(ClientError) as caught:
        function.call()
    assert caught.value.response["Error"]["Code"] == "KMSAccessDeniedException"
    kept.rename(file)
    assert function.call().value["variable"] == "secret"


def change(house: Server, function: Function, **changes: Any) -> None:
    house.client.update_function_configuration(FunctionName=function.name, **changes)
    settled(house, function)


def settled(house: Server, function: Function) -> None:
    def status() -> bool:
        found = house.client.get_function_configuration(FunctionName=function.name)
        return bool(found["LastUpdateStatus"] == "Successful")

    wait_until(status)


def test_an_active_function_is_sampled_and_its_log_names_the_trace(house: Server) -> None:
    function = says(house, TracingConfig={"Mode": "Active"})
    answer = function.call()
    trace = re.match("Root=(?P<root>[^;]+);Parent=(?P<parent>[^;]+);Sampled=1", answer.value["trace"])
    assert trace, answer.value["trace"]
    assert f"XRAY TraceId: {trace['root']}\tSegmentId: {trace['parent']}\tSampled: true\t\n" in answer.log
    change(house, function, TracingConfig={"Mode": "PassThrough"})
    assert "Sampled=0" in function.call().value["trace"]
    assert "XRAY" not in function.call().log


def test_changes_under_load_leave_running_calls_alone_and_lose_none(house: Server) -> None:
    """Each call has the code and variables of one deployment, and after it nobody gets what was before."""
    function = says(house, "0", Environment={"Variables": {"VARIABLE": "0"}})
    done, seen, problems = threading.Event(), list[tuple[str, str]](), list[str]()

    def call_on_and_on() -> None:
        while not done.is_set():
            answer = function.call()
            if answer.error:
                problems.append(str(answer.value))
            else:
                seen.append((answer.value["code"], answer.value["variable"]))

    with ThreadPoolExecutor(4) as pool:
        callers = [pool.submit(call_on_and_on) for _ in range(3)]
        held = pool.submit(function.call, {"hold": "on", "s": 4})
        wait_until(lambda: any("holding on" in line for line in function.logs()) or held.done())
        try:
            for number in range(1, 4):
                change(house, function, Environment={"Variables": {"VARIABLE": str(number)}})
                assert function.call().value["variable"] == str(number)
                code = zip_of({"app.py": f"CODE = '{number}'\n" + _dedented(SAYS)})
                house.client.update_function_code(FunctionName=function.name, ZipFile=code)
                settled(house, function)
                now = function.call().value
                assert (now["code"], now["variable"]) == (str(number), str(number))
        finally:
            done.set()
        assert held.result().value["code"] == held.result().value["variable"] == "0"
        for caller in callers:
            caller.result()
    assert not problems
    assert set(seen) <= {("0", "0"), ("0", "1"), ("1", "1"), ("1", "2"), ("2", "2"), ("2", "3"), ("3", "3")}
    assert seen
