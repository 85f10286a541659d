"""Buckets as targets of other services: the records of events that no function could deal with."""

import hashlib

from lambent.errors import Undeliverable
from lambent.iam.policy import Asked
from lambent.services.post import Outgoing
from lambent.services.s3 import access
from lambent.services.s3.engine import S3
from lambent.services.s3.nouns import About, Content
from lambent.store import checksums
from lambent.store.checksums import DEFAULT
from lambent.store.ledger import Entry


class BucketTaker:
    """What is for a bucket becomes an object of the key that goes with it, which nothing else has."""

    def __init__(self, s3: S3) -> None:
        self._s3 = s3

    def entries(self, outgoing: Outgoing) -> tuple[Entry, ...]:
        name = outgoing.target.removeprefix("arn:aws:s3:::")
        bucket = self._s3.buckets.get(name)
        if bucket is None or bucket.gone:
            raise Undeliverable(f"there is no bucket {name}")
        if not outgoing.key:
            raise Undeliverable(f"nothing says which object of {name} this is to become")
        asked = Asked(outgoing.sender, "s3:PutObject", f"{bucket.arn}/{outgoing.key}")
        if not access.may(outgoing.sender.account, bucket, asked):
            raise Undeliverable(f"{outgoing.sender.arn} may not put objects into {name}")
        body = outgoing.body
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        content = Content(len(body), etag, body, [], {DEFAULT: checksums.shown(checksums.of(DEFAULT, body))})
        new = self._s3.made(bucket, outgoing.key, content, About(headers={"ContentType": "application/json"}))
        return (self._s3.entry(bucket, new, body),)
