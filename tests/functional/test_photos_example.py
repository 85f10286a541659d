"""examples/photos as its README says: deployed, used and looked at, with the night coming at once."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from real_server import Server, clean_environment, client, wait_until

EXAMPLES = Path(__file__).parents[2] / "examples"
UPLOADS, THUMBNAILS = (f"photos-{name}-000000000000-us-east-1" for name in ("uploads", "thumbnails"))
PATIENCE_S = 180  # cold starts with boto3 and Pillow in them


def run(server: Server, name: str, *words: str) -> str:
    """One of the example's programs."""
    credentials = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1"}
    environ = clean_environment() | credentials | {"AWS_ENDPOINT_URL": server.endpoint}
    command = [sys.executable, str(EXAMPLES / "photos" / name), *words]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def advance(server: Server, by: str) -> None:
    request = urllib.request.Request(f"{server.endpoint}/_lambent/clock/advance", json.dumps({"by": by}).encode())
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        answer.read()


@pytest.mark.slow
def test_photographs_go_all_the_way_and_what_fails_is_told(serve: Callable[..., Server]) -> None:
    server = serve("--clock", "virtual")
    said = run(server, "deploy.py", "--runtime", server.runtime)
    assert f"s3://{UPLOADS}/" in said
    s3, sqs = client(server.endpoint, service="s3"), client(server.endpoint, service="sqs")

    def wait_for(prefix: str, count: int) -> None:
        wait_until(lambda: s3.list_objects_v2(Bucket=THUMBNAILS, Prefix=prefix)["KeyCount"] >= count, PATIENCE_S)

    for count, name in enumerate(("cat.jpg", "rocket.jpg"), 1):
        s3.upload_file(str(EXAMPLES / "thumbnails" / "photos" / name), UPLOADS, f"holidays/{name}")
        wait_for("thumbnails/", count)
    s3.put_object(Bucket=UPLOADS, Key="shopping list.jpg", Body=b"milk")
    s3.put_object(Bucket=UPLOADS, Key="notes.txt", Body=b"no photograph, and nobody says so")
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="photos-catalogue")["QueueUrl"], MessageBody="milk")
    advance(server, "20m")
    wait_for("catalogue/", 2)
    advance(server, "1d")
    wait_for("reports/", 1)
    rows = [line.replace(" kB", "").split() for line in run(server, "look.py").splitlines()]
    assert all(float(rows[each].pop(1)) > 1 for each in (1, 3))  # the thumbnails' sizes
    assert rows[1:] == [
        ["cat.jpg", "160x106", "made,", "swept", "-", "swept"],
        ["notes.txt", "-", "-", "-", "-", "left"],
        ["rocket.jpg", "160x107", "made,", "swept", "-", "swept"],
        ["shopping", "list.jpg", "-", "-", "-", "UnidentifiedImageError,", "2", "attempts", "left"],
        ["the", "catalogue", "could", "make", "nothing", "of:", "milk"],
    ]
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=UPLOADS)["Contents"]] == [
        "notes.txt",
        "shopping list.jpg",
    ]
    assert run(server, "deploy.py", "--runtime", server.runtime) == said  # again: nothing is in the way
