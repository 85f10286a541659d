"""Makes a thumbnail of every photograph that is put into the first bucket, and puts it into the second one."""

import base64
import os
from pathlib import PurePosixPath
from urllib.parse import unquote_plus

import app  # examples/thumbnails/app.py, which is in the same zip
import boto3

s3 = boto3.client("s3")


def handler(event, context):
    """S3's notification. A file that is no picture fails: Lambda tries again, and then tells the queue of failures."""
    for record in event["Records"]:
        bucket, key = record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])
        photo = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        made = app.handler({"image": base64.b64encode(photo).decode(), "width": int(os.environ["WIDTH"])}, context)
        s3.put_object(
            Bucket=os.environ["THUMBNAILS"], Key=f"thumbnails/{PurePosixPath(key).name}", ContentType="image/jpeg",
            Body=base64.b64decode(made["image"]),
            Metadata={name: str(made[name]) for name in ("width", "height", "turned")},
        )  # fmt: skip
