"""Environment variables: a function finds them, its owner is shown them, and no file or log of the server has them."""

import json
import os
import sqlite3
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from real_server import Function, Server

Serve = Callable[..., Server]
SOURCE = "import os\ndef handler(event, context): return os.environ.get('PASSWORD')"


def files_with(secret: str, server: Server) -> list[str]:
    """The server's files that have `secret` in them, plainly, and its output."""
    found = [
        str(path)
        for path in server.data.rglob("*")
        if path.is_file() and not path.is_symlink() and secret.encode() in path.read_bytes()
    ]
    return found + (["its output"] if secret in server.said() else [])


def test_variables_reach_the_function_and_whoever_asks_but_are_in_no_file_and_no_log(serve: Serve) -> None:
    server = serve()
    first, second = uuid.uuid4().hex, uuid.uuid4().hex
    function = server.deploy(SOURCE, Environment={"Variables": {"PASSWORD": first}})
    assert function.call().value == first
    published = server.client.publish_version(FunctionName=function.name)
    server.client.update_function_configuration(
        FunctionName=function.name, Environment={"Variables": {"PASSWORD": second}}
    )
    server.client.get_waiter("function_updated_v2").wait(FunctionName=function.name)
    assert function.call().value == second
    assert function.call(Qualifier=published["Version"]).value == first

    shown = server.client.get_function_configuration(FunctionName=function.name)
    assert shown["Environment"] == {"Variables": {"PASSWORD": second}}
    listed = server.client.list_versions_by_function(FunctionName=function.name)["Versions"]
    assert [each["Environment"]["Variables"]["PASSWORD"] for each in listed] == [second, first]
    assert [files_with(secret, server) for secret in (first, second)] == [[], []]
    assert server.stop() == 0
    assert [files_with(secret, server) for secret in (first, second)] == [[], []]


def test_only_the_agent_has_the_key_and_without_it_variables_are_denied_until_they_are_set_again(serve: Serve) -> None:
    server = serve()
    function = server.deploy(SOURCE, Environment={"Variables": {"PASSWORD": "lost"}})
    without = server.deploy(SOURCE)
    if os.geteuid() == 0:
        only_the_agent_has_the_key(server)
    server.stop()
    (server.data / "keys" / "environment.key").unlink()

    server = serve(data=server.data)
    function, without = Function(server, function.name), Function(server, without.name)
    with pytest.raises(ClientError) as denied:
        function.call()
    assert denied.value.response["Error"]["Code"] == "KMSAccessDeniedException"
    assert denied.value.response["ResponseMetadata"]["HTTPStatusCode"] == 502
    assert "unable to decrypt the environment variables" in denied.value.response["Error"]["Message"]
    shown = server.client.get_function_configuration(FunctionName=function.name)
    assert shown["Environment"]["Error"]["ErrorCode"] == "KMSAccessDeniedException"
    assert without.call().error is None

    server.client.update_function_configuration(
        FunctionName=function.name, Environment={"Variables": {"PASSWORD": "new"}}
    )
    server.client.get_waiter("function_updated_v2").wait(FunctionName=function.name)
    assert function.call().value == "new"
    assert "Traceback" not in server.said()


def only_the_agent_has_the_key(server: Server) -> None:
    (key,) = (server.data / "keys").iterdir()
    found = key.stat()
    assert (found.st_uid, found.st_mode & 0o777, found.st_size) == (0, 0o600, 64)
    front_end = Path(f"/proc/{server.process.pid}/root")
    assert (front_end / str(server.data)[1:] / "lambent.db").exists()
    assert os.listdir(front_end / str(server.data)[1:] / "keys") == [], "for it there is no such file"
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    assert "Seccomp:\t2\n" in status, "nor may it open files by their inode numbers, which needs no name"
    assert "NoNewPrivs:\t1\n" in status


def test_variables_that_an_older_lambent_stored_plainly_are_encrypted_at_the_start(serve: Serve) -> None:
    server = serve()
    secret = uuid.uuid4().hex
    function = server.deploy(SOURCE, Environment={"Variables": {"PASSWORD": "any"}})
    server.stop()
    with sqlite3.connect(server.data / "lambent.db") as database:
        (text,) = database.execute("SELECT config FROM function_versions").fetchone()
        plain = json.loads(text) | {"Environment": {"Variables": {"PASSWORD": secret}}}
        database.execute("UPDATE function_versions SET config = ?", (json.dumps(plain, separators=(",", ":")),))
    database.close()
    assert files_with(secret, server) != []

    server = serve(data=server.data)
    assert files_with(secret, server) == []
    assert Function(server, function.name).call().value == secret
