"""Shows what became of every photograph: where it came from, what was made of it, and who was told.

python examples/photos/look.py
"""

import json
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote_plus

import boto3
from deploy import Photos  # beside this file

HEADINGS = ("photograph", "thumbnail", "in the catalogue", "in the news", "failed", "in the night")
NOTHING = "-"
HELD_S = 30  # how long nobody else sees the messages that are looked at


def found(photos: Photos) -> list[tuple[str, ...]]:
    """A row for every photograph, as HEADINGS name its cells."""
    kept = {PurePosixPath(key).stem: json.loads(body) for key, body in objects(photos, "catalogue/")}
    reports = [json.loads(body) for _, body in objects(photos, "reports/")]
    swept, left = ({PurePosixPath(key).name for each in reports for key in each[what]} for what in ("swept", "left"))
    news = peek(photos, "photos-news")
    made_known = {name for notice in news for name in named(notice)}
    gone_known = {PurePosixPath(notice["swept"]).name for notice in news if "swept" in notice}
    failures = {
        name: why(letter) for letter in peek(photos, "photos-failed") for name in named(letter["requestPayload"])
    }
    made = sizes(photos)
    rows = []
    for name in sorted(set(made) | set(failures) | swept | left):
        entry = kept.get(PurePosixPath(name).stem)
        night = "swept" if name in swept else "left" if name in left else NOTHING
        catalogued = f"{entry['width']}x{entry['height']}" if entry else NOTHING
        told = ", ".join(["made"] * (name in made_known) + ["swept"] * (name in gone_known)) or NOTHING
        rows.append((name, made.get(name, NOTHING), catalogued, told, failures.get(name, NOTHING), night))
    return rows


def sizes(photos: Photos) -> dict[str, str]:
    """The thumbnails that there are."""
    pages = photos.s3.get_paginator("list_objects_v2").paginate(Bucket=photos.thumbnails, Prefix="thumbnails/")
    found = (each for page in pages for each in page.get("Contents", ()))
    return {PurePosixPath(each["Key"]).name: f"{each['Size'] / 1000:.1f} kB" for each in found}


def objects(photos: Photos, prefix: str) -> list[tuple[str, bytes]]:
    """Keys and bodies of what lies in the second bucket below a prefix."""
    pages = photos.s3.get_paginator("list_objects_v2").paginate(Bucket=photos.thumbnails, Prefix=prefix)
    keys = [each["Key"] for page in pages for each in page.get("Contents", ())]
    return [(key, photos.s3.get_object(Bucket=photos.thumbnails, Key=key)["Body"].read()) for key in keys]


def named(notice: dict[str, Any]) -> list[str]:
    """The names of the objects in a notification of S3's; its test has none."""
    return [PurePosixPath(unquote_plus(each["s3"]["object"]["key"])).name for each in notice.get("Records", ())]


def why(letter: dict[str, Any]) -> str:
    """What the record for a failure's destination says."""
    times = letter["requestContext"]["approximateInvokeCount"]
    return f"{letter['responsePayload']['errorType']}, {times} attempts"


def peek(photos: Photos, queue: str) -> list[dict[str, Any]]:
    """All messages of a queue, which stay in it."""
    return [json.loads(body) for body in bodies(photos, queue)]


def bodies(photos: Photos, queue: str) -> list[str]:
    url = photos.url(queue)
    messages: list[Any] = []
    while True:
        answer = photos.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=HELD_S)
        if not answer.get("Messages"):
            break
        messages += answer["Messages"]
    for each in messages:
        photos.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"], VisibilityTimeout=0)
    return [str(each["Body"]) for each in messages]


def table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(HEADINGS, *rows, strict=True)]
    lines = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in (HEADINGS, *rows)]
    return "\n".join("  ".join(line).rstrip() for line in lines)


def main() -> None:
    photos = Photos(boto3.Session())
    print(table(found(photos)))
    for body in bodies(photos, "photos-dead"):
        print(f"the catalogue could make nothing of: {body}")


if __name__ == "__main__":
    main()
