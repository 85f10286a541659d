"""Deletes, every night, the photographs that there are thumbnails of, and leaves a report."""

import json
import os
from pathlib import PurePosixPath

import boto3

s3 = boto3.client("s3")


def handler(event, context):
    """{"at": the time that the schedule was due}"""
    uploads, thumbnails = os.environ["UPLOADS"], os.environ["THUMBNAILS"]
    made = {PurePosixPath(key).name for key in keys(thumbnails, "thumbnails/")}
    there = list(keys(uploads, ""))
    done = [key for key in there if PurePosixPath(key).name in made]
    for at in range(0, len(done), 1000):  # that many in one request
        some = [{"Key": key} for key in done[at : at + 1000]]
        s3.delete_objects(Bucket=uploads, Delete={"Objects": some, "Quiet": True})
    report = {"at": event["at"], "swept": done, "left": sorted(set(there) - set(done))}
    s3.put_object(Bucket=thumbnails, Key=f"reports/{event['at'][:10]}.json", Body=json.dumps(report))
    return report


def keys(bucket, prefix):
    """All keys that begin so."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from (each["Key"] for each in page.get("Contents", []))
