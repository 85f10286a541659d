"""Writes an entry into the catalogue for every new thumbnail that the queue tells of."""

import json
from pathlib import PurePosixPath
from urllib.parse import unquote_plus

import boto3

s3 = boto3.client("s3")


def handler(event, context):
    """A batch of messages. Only those that are named in the answer come back to the queue; the others are done."""
    failed = []
    for message in event["Records"]:
        try:
            catalogue(json.loads(message["body"]))
        except Exception as error:
            print(f"{message['messageId']} failed: {error!r}")
            failed.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failed}


def catalogue(notice):
    """Enter the objects of one notification of S3's."""
    if notice.get("Event") == "s3:TestEvent":  # S3 sends it when somebody wants to be notified
        return
    for record in notice["Records"]:
        bucket, key = record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])
        found = s3.head_object(Bucket=bucket, Key=key)
        entry = {"thumbnail": key, "bytes": found["ContentLength"]} | found["Metadata"]
        s3.put_object(Bucket=bucket, Key=f"catalogue/{PurePosixPath(key).stem}.json", Body=json.dumps(entry))
