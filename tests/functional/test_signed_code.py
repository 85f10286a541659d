"""Signed code as its user meets it: the command line makes a profile and signs, the AWS CLI and boto3 deploy."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from real_server import PATIENCE_S, Server, clean_environment, wait_until, zip_of

ROLE = "arn:aws:iam::000000000000:role/r"
HANDLER = "def handler(event, context):\n    return 'signed'\n"


def lambent(server: Server, *words: str, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "lambent", *words], env=clean_environment() | {"LAMBENT_ENDPOINT": server.endpoint},
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout if status == 0 else done.stderr


def test_a_zip_is_signed_deployed_and_run_and_a_changed_one_is_not(server: Server, aws, tmp_path: Path) -> None:
    client, key, package = server.client, tmp_path / "release.pem", tmp_path / "app.zip"
    package.write_bytes(zip_of({"app.py": HANDLER}))

    profile = lambent(server, "signing", "create", "release", "--key", str(key)).splitlines()[0]
    lambent(server, "signing", "sign", str(package), "--key", str(key))
    signed = tmp_path / "app-signed.zip"
    made = client.create_code_signing_config(
        AllowedPublishers={"SigningProfileVersionArns": [profile]},
        CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Enforce"},
    )["CodeSigningConfig"]
    arn = made["CodeSigningConfigArn"]
    created = aws(
        "lambda", "create-function", "--function-name", "signed", "--runtime", server.runtime, "--role", ROLE,
        "--handler", "app.handler", "--zip-file", f"fileb://{signed}", "--code-signing-config-arn", arn,
    )  # fmt: skip
    assert created.returncode == 0, created.stderr
    try:
        server.wait_until_active("signed")
        answer = json.loads(client.invoke(FunctionName="signed")["Payload"].read())
        with pytest.raises(client.exceptions.CodeVerificationFailedException):
            client.update_function_code(FunctionName="signed", ZipFile=package.read_bytes())
        job = json.loads(created.stdout)["SigningJobArn"]
        lambent(server, "signing", "revoke", job)
        with pytest.raises(client.exceptions.CodeVerificationFailedException):
            client.update_function_code(FunctionName="signed", ZipFile=signed.read_bytes())
        counted = lambent(server, "metrics", "signed", "--json")
        listed = lambent(server, "signing")
    finally:
        client.delete_function(FunctionName="signed")
        client.delete_code_signing_config(CodeSigningConfigArn=arn)

    assert answer == "signed"
    assert json.loads(created.stdout)["SigningProfileVersionArn"] == profile
    assert profile in listed
    assert f"{job} is revoked" in listed
    assert "SignatureValidationErrors" in counted
    assert key.stat().st_mode & 0o777 == 0o600
    assert "signed already" in lambent(server, "signing", "sign", str(signed), "--key", str(key), status=1)


def test_a_mapping_lives_as_long_as_its_user_wants_and_over_a_restart(serve) -> None:
    server = serve()
    server.deploy(HANDLER, "fed")
    stream = "arn:aws:kinesis:us-east-1:000000000000:stream/clicks"
    made = server.client.create_event_source_mapping(
        FunctionName="fed", EventSourceArn=stream, StartingPosition="LATEST", Tags={"team": "a"}
    )
    server.stop()

    server = serve()
    client, uuid = server.client, made["UUID"]
    wait_until(lambda: client.get_event_source_mapping(UUID=uuid)["State"] == "Enabled")
    client.update_event_source_mapping(UUID=uuid, Enabled=False, BatchSize=7)
    wait_until(lambda: client.get_event_source_mapping(UUID=uuid)["State"] == "Disabled")
    [listed] = [
        each
        for page in client.get_paginator("list_event_source_mappings").paginate(FunctionName="fed")
        for each in page["EventSourceMappings"]
    ]
    client.delete_event_source_mapping(UUID=uuid)
    wait_until(lambda: is_gone(client, uuid))

    assert (made["State"], listed["BatchSize"], listed["EventSourceArn"]) == ("Creating", 7, stream)
    assert "does not poll Amazon Kinesis" in listed["LastProcessingResult"]


def is_gone(client, uuid: str) -> bool:
    try:
        client.get_event_source_mapping(UUID=uuid)
    except client.exceptions.ResourceNotFoundException:
        return True
    return False
