"""Runtime clients that Lambent did not write: AWS's own for Python, and one in C with nothing but sockets."""

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from real_server import Function, wait_until

Make = Callable[[dict[str, str | bytes]], Function]

HANDLER = """
    import json
    def handler(event, context):
        if "raise" in event:
            raise ValueError(event["raise"])
        if "size" in event:
            return "x" * event["size"]
        return [event, context.aws_request_id, context.memory_limit_in_mb, context.get_remaining_time_in_millis() > 0]
"""
START = "#!/bin/sh\nexport PYTHONPATH=/var/task\nexec /usr/bin/python3 -m awslambdaric app.handler\n"

C_CLIENT = r"""
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static char answer[1 << 20];

static int ask(const char *request)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9001)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), size = 0, got;
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
        exit(2);
    if (write(fd, request, strlen(request)) < 0)
        exit(3);
    while ((got = read(fd, answer + size, sizeof(answer) - 1 - size)) > 0)
        size += got;
    answer[size] = 0;
    close(fd);
    return atoi(answer + strlen("HTTP/1.1 "));
}

static const char *header(const char *name)
{
    static char value[256];
    char *found = strcasestr(answer, name);
    sscanf(found ? found + strlen(name) : "", " %255[^\r\n]", value);
    return value;
}

int main(void)
{
    char request[4096], id[256], body[1024];
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (;;) {
        ask("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n");
        snprintf(id, sizeof(id), "%s", header("Lambda-Runtime-Aws-Request-Id:"));
        const char *event = strstr(answer, "\r\n\r\n") + 4;
        int wrong = ask("POST /2018-06-01/runtime/invocation/nobody/response HTTP/1.1\r\nHost: api\r\n"
                        "Connection: close\r\nContent-Length: 2\r\n\r\n{}");
        snprintf(body, sizeof(body), "{\"id\": \"%s\", \"status of a wrong id\": %d}", id, wrong);
        (void)event;
        snprintf(request, sizeof(request),
                 "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: api\r\nConnection: close\r\n"
                 "Content-Length: %zu\r\n\r\n%s", id, strlen(body), body);
        printf("answered %d\n", ask(request));
    }
}
"""


pytestmark = pytest.mark.root  # at 127.0.0.1:9001 the API is only in a network namespace


@pytest.fixture
def make(deploy: Callable[..., Function]) -> Make:
    return partial(deploy, Runtime="provided.al2023")


def package(name: str) -> dict[str, str | bytes]:
    """The files of an installed distribution, as a zip wants them."""
    found: dict[str, str | bytes] = {}
    for path in importlib.metadata.files(name) or []:
        if not str(path).startswith("..") and path.suffix != ".pyc":
            found[str(path)] = Path(str(path.locate())).read_bytes()
    return found


def test_awss_own_client_runs_a_handler(make: Make) -> None:
    if "3.11" not in subprocess.run(["/usr/bin/python3", "-V"], capture_output=True, text=True, check=False).stdout:
        pytest.skip("its native half is installed for Python 3.11, which this machine has not at /usr/bin")
    files: dict[str, str | bytes] = {"bootstrap": START, "app.py": HANDLER}
    if importlib.util.find_spec("awslambdaric") is None:
        assert os.environ.get("CI") != "true", "CI must install awslambdaric"
        pytest.skip("awslambdaric is not installed")
    for name in ("awslambdaric", "simplejson", "snapshot_restore_py"):
        files |= package(name)
    function = make(files)
    answer = function.call({"n": 1})
    assert answer.value == [{"n": 1}, answer.request_id, "1769", True]
    failed: Any = function.call({"raise": "boom"})
    assert (failed.error, failed.error_type, failed.error_message) == ("Unhandled", "ValueError", "boom")
    too_large = function.call({"size": 7_000_000})
    assert too_large.error_type == "Function.ResponseSizeTooLarge"
    # The client gives up when its answer is refused, and ends; whoever calls before that is known shares its fate.
    assert wait_until(lambda: function.call({"n": 2}).error is None)


def test_a_client_in_c_answers_and_its_wrong_ids_are_refused(make: Make, tmp_path: Path) -> None:
    if not shutil.which("gcc"):
        pytest.skip("no C compiler here")
    source, program = tmp_path / "client.c", tmp_path / "bootstrap"
    source.write_text("#define _GNU_SOURCE\n" + C_CLIENT)
    subprocess.run(["gcc", "-O1", "-o", str(program), str(source)], check=True, timeout=120)
    function = make({"bootstrap": program.read_bytes()})
    for _ in range(2):
        answer = function.call({"n": 1})
        assert answer.value == {"id": answer.request_id, "status of a wrong id": 400}
