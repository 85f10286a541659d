"""Puts functions on the server with the two clients that most people use, unmodified: boto3 and the AWS CLI."""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ROLE = "arn:aws:iam::000000000000:role/demo"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
WAITING_HANDLER = """import time

def handler(event, context):
    print("asking a service that never answers")
    time.sleep(60)
"""


def client(url: str) -> Any:
    """An ordinary boto3 client. No retries: the demo is to show the errors that the server gives."""
    return boto3.client(
        "lambda",
        endpoint_url=url,
        region_name=KEYS["AWS_DEFAULT_REGION"],
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=20, read_timeout=120),
    )


def with_boto3(api: Any, name: str, runtime: str, package: bytes, **options: Any) -> None:
    """CreateFunction, then the official waiter until it is Active."""
    api.create_function(
        FunctionName=name, Runtime=runtime, Handler="app.handler", Role=ROLE, Code={"ZipFile": package}, **options
    )
    api.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})


def with_aws_cli(url: str, name: str, runtime: str, package: Path, *, memory_mb: int, timeout_s: int) -> str:
    """The same with the `aws` command; returns what its last query printed."""
    create = ["create-function", "--function-name", name, "--runtime", runtime, "--handler", "app.handler"]
    create += ["--role", ROLE, "--zip-file", f"fileb://{package}"]
    create += ["--memory-size", str(memory_mb), "--timeout", str(timeout_s)]
    aws(url, *create, "--query", "State")
    aws(url, "wait", "function-active-v2", "--function-name", name)
    return aws(url, "get-function", "--function-name", name, "--query", "Configuration.CodeSize")


def aws(url: str, *words: str) -> str:
    """Run `aws lambda …` against the server, as a person does who has exported AWS_ENDPOINT_URL."""
    program = Path(sys.executable).with_name("aws")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environ = clean | KEYS | {"AWS_ENDPOINT_URL": url, "AWS_PAGER": "", "AWS_CONFIG_FILE": os.devnull}
    shown = " ".join(word if len(word) < 60 else f"{word[:24]}…{word[-24:]}" for word in words)
    print(f"  $ aws lambda {shown}", flush=True)
    done = subprocess.run([str(program), "lambda", *words], env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"demo: aws lambda {words[0]} failed:\n{done.stderr}")
    return done.stdout.strip()


def waiting_function() -> bytes:
    """A zip whose handler waits longer than it may."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("app.py", WAITING_HANDLER)
    return target.getvalue()
