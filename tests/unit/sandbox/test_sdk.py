"""The folder with boto3 that Python functions see: made once, of the platform's own files, behind everything else."""

import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from lambent.model import RuntimeInfo
from lambent.sandbox import roots, sdk

OLD = RuntimeInfo(name="python3.8", kind="python", executable="/nowhere/python3.8", prefix="/nowhere")
NEW = RuntimeInfo(name="python3.13", kind="python", executable="/bin/true", prefix="/nowhere")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    place = sdk.find((tmp_path_factory.mktemp("sdk"),), NEW)
    for compiler in sdk._compilers:
        compiler.wait()
    sdk._compilers.clear()
    return place


def test_it_has_the_packages_that_aws_has_and_nothing_of_the_platform(made):
    entries = {path.name for path in made.iterdir() if not path.name.startswith(".")}
    assert entries == {"boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3", "too-old"}
    assert (made / "botocore/data/lambda").is_dir()


def test_everybody_may_read_it_and_it_costs_no_disk(made):
    for path in made.rglob("*"):
        mode = path.stat().st_mode
        assert mode & 0o004, path
        assert not mode & 0o002, path
    source = Path(boto3.__file__)
    assert (made / "boto3/__init__.py").stat().st_dev != source.stat().st_dev or (made / "boto3/__init__.py").samefile(
        source
    )


def test_it_is_made_once_for_each_version(made, tmp_path):
    assert made.name.startswith(f"sdk-{boto3.__version__}-")
    before = made.stat().st_ino
    assert sdk.find((tmp_path / "elsewhere", made.parent), OLD) == made / "too-old"
    assert made.stat().st_ino == before
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", ["boto3", "botocore"])
def test_a_python_that_boto3_does_not_support_is_told_why(made, name):
    code = f"import sys; sys.path.insert(0, {str(made / 'too-old')!r}); import {name}"
    ran = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    version = boto3.__version__ if name == "boto3" else ""
    assert f"ImportError: {name} {version}" in ran.stderr
    assert f"needs Python {sdk.least_python()} or later" in ran.stderr


def test_the_sandbox_has_it_where_the_machines_own_packages_would_be(tmp_path):
    prefix = tmp_path / "python"
    own = prefix / "lib/python3.13/site-packages"
    own.mkdir(parents=True)
    info = RuntimeInfo(
        name="python3.13", kind="python", executable=f"{prefix}/bin/python3.13", prefix=str(prefix), version="3.13.0"
    )
    plan = roots.plan(info, "/staging", ["zygote"], roots.guest_dir() / "python", Path("/the/sdk"))
    assert ["/the/sdk", "/var/lang/lib/python3.13/site-packages"] in plan["binds"]
    assert "/var/lang/lib/python3.13/site-packages" not in plan["masks"]
    without = roots.plan(info, "/staging", ["zygote"], roots.guest_dir() / "python", None)
    assert "/var/lang/lib/python3.13/site-packages" in without["masks"]


def test_a_python_without_a_place_for_packages_still_gets_a_root(tmp_path):
    info = RuntimeInfo(
        name="python3.13",
        kind="python",
        executable=f"{tmp_path}/bin/python3.13",
        prefix=str(tmp_path),
        version="3.13.0",
    )
    plan = roots.plan(info, "/staging", ["zygote"], None, Path("/the/sdk"))
    assert not [bind for bind in plan["binds"] if bind[0] == "/the/sdk"]


def test_debians_python_has_it_among_debians_packages_or_beside_them():
    info = RuntimeInfo(name="python3.11", kind="python", executable="/usr/bin/python3.11")
    plan = roots.plan(info, "/staging", ["zygote"], None, Path("/the/sdk"))
    (place,) = [inside for host, inside in plan["binds"] if host == "/the/sdk"]
    debian = os.path.isdir("/usr/lib/python3/dist-packages")
    assert place == ("/usr/lib/python3/dist-packages" if debian else "/var/lang/lib/python3.11/site-packages")
    assert place not in plan["masks"]
