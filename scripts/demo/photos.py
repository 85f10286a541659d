"""The second story: examples/photos, from an upload to what a schedule does in the night, on the virtual clock."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import boto3
from deploy import KEYS

EXAMPLES = Path(__file__).parents[2] / "examples"
PHOTOS = sorted((EXAMPLES / "thumbnails" / "photos").glob("*.jpg"))
NO_PICTURE = "shopping list.jpg"
PATIENCE_S = 120


class Story:
    """One server on the virtual clock, and the example's own two programs run against it."""

    def __init__(self, url: str, runtime: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self._environ = clean | KEYS | {"AWS_ENDPOINT_URL": url, "AWS_CONFIG_FILE": os.devnull}
        self._url = url
        self._runtime = runtime
        self._s3, self._sqs = (self._client(name) for name in ("s3", "sqs"))

    def tell(self) -> str:
        """Everything in order. Returns the table of what went where."""
        self._run("deploy.py", "--runtime", self._runtime)
        uploads, thumbnails = sorted((each["Name"] for each in self._s3.list_buckets()["Buckets"]), reverse=True)
        for count, photo in enumerate(PHOTOS, 1):
            self._s3.upload_file(str(photo), uploads, photo.name)
            self._until(thumbnails, "thumbnails/", count)
        print(f"  {len(PHOTOS)} photographs are in {uploads}, their thumbnails in {thumbnails}")
        self._s3.put_object(Bucket=uploads, Key=NO_PICTURE, Body=b"milk, eggs")
        url = self._sqs.get_queue_url(QueueName="photos-catalogue")["QueueUrl"]
        self._sqs.send_message(QueueUrl=url, MessageBody="milk, eggs")
        print(f"  also {NO_PICTURE!r}, which is no picture, and in the worker's queue a message that is nonsense")
        self._advance("20m", "failures are tried again, and given up")
        self._until(thumbnails, "catalogue/", len(PHOTOS))
        self._advance("1d", "the night comes")
        self._until(thumbnails, "reports/", 1)
        return self._run("look.py")

    def _client(self, service: str) -> Any:
        return boto3.client(
            service, endpoint_url=self._url, region_name=KEYS["AWS_DEFAULT_REGION"],
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"], aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        )  # fmt: skip

    def _run(self, *words: str) -> str:
        """One of the example's programs, as a person runs it who has exported AWS_ENDPOINT_URL."""
        print(f"  $ python examples/photos/{' '.join(words)}", flush=True)
        command = [sys.executable, str(EXAMPLES / "photos" / words[0]), *words[1:]]
        done = subprocess.run(command, env=self._environ, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"demo: examples/photos/{words[0]} failed:\n{done.stderr}")
        print(done.stdout, end="", flush=True)
        return done.stdout

    def _advance(self, by: str, why: str) -> None:
        print(f"  $ lambent clock advance {by}        # {why}", flush=True)
        body = json.dumps({"by": by}).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{self._url}/_lambent/clock/advance", body)) as answer:
            answer.read()

    def _until(self, bucket: str, prefix: str, count: int) -> None:
        """Wait until so many objects are there."""
        until = time.monotonic() + PATIENCE_S
        while self._s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["KeyCount"] < count:
            if time.monotonic() > until:
                raise SystemExit(f"demo: there are fewer than {count} objects below {prefix} in {bucket}")
            time.sleep(0.02)
