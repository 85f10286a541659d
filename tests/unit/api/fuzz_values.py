"""Values for the shapes of a service model: plausible ones, those at a constraint's edge, and hostile ones.

Everything is drawn from one `random.Random`; hypothesis hands in its own, so that what fails is made small.
"""

import io
import re
import zipfile
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import Any

from botocore.model import Shape

ACCOUNT, REGION, ROLE = "111111111111", "eu-west-1", "arn:aws:iam::111111111111:role/lambda-role"
_LAMBDA = f"arn:aws:lambda:{REGION}:{ACCOUNT}"
DEEPEST = 6
NAMES = ("alpha", "beta", "gamma")
LASTING = "lasting"  # a durable function

# What members of these names stand for in the house that the requests are sent to.
KNOWN: dict[str, tuple[str, ...]] = {
    "FunctionName": (
        *NAMES, "alpha:1", "alpha:live", "alpha:$LATEST", f"{_LAMBDA}:function:alpha", f"{ACCOUNT}:function:beta",
        f"{_LAMBDA}:function:alpha:2", "nobody", "function:alpha", "lasting:1",
        "arn:aws:lambda:us-east-2:111111111111:function:alpha", "arn:aws:lambda:eu-west-1:222222222222:function:alpha",
    ),
    "DurableExecutionName": ("one", "two"),
    "Qualifier": ("$LATEST", "1", "2", "live", "99", "nope", "$LATEST.PUBLISHED"),
    "Name": ("live", "blue", "green"),
    "FunctionVersion": ("1", "2", "$LATEST", "ALL", "99"),
    "LayerName": ("shelf", f"{_LAMBDA}:layer:shelf", "nowhere"),
    "StatementId": ("one", "two", "three"),
    "Resource": (f"{_LAMBDA}:function:alpha", f"{_LAMBDA}:function:nobody", f"{_LAMBDA}:layer:shelf:1"),
    "ResourceArn": (f"{_LAMBDA}:function:alpha", f"{_LAMBDA}:function:alpha:live", f"{_LAMBDA}:function:nobody"),
    "Arn": (f"{_LAMBDA}:layer:shelf:1", f"{_LAMBDA}:layer:shelf:9"),
    "Layers": (f"{_LAMBDA}:layer:shelf:1", f"{_LAMBDA}:layer:shelf:2"),
    "Handler": ("app.handler", "app"),
    "Runtime": ("python3.13", "python3.12", "nodejs22.x", "java21", "provided.al2023", "python3.7", "made-up"),
    "Role": (ROLE,),
    "RoleArn": (ROLE,),
    "Architectures": ("x86_64",),
    "EventSourceArn": (
        f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue", f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/one",
        f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/t/stream/2026-01-01T00:00:00.000",
        f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue.fifo",
    ),
    "Action": ("lambda:InvokeFunction", "lambda:GetLayerVersion", "lambda:InvokeFunctionUrl", "lambda:*"),
    "Principal": ("*", ACCOUNT, "222222222222", "s3.amazonaws.com", "arn:aws:iam::222222222222:role/other"),
    "Pattern": ('{"body": {"a": [1]}}', '{"a": ["b"]}', "{", '{"a": "b"}', "[]"),
    "Policy": (
        '{"Version": "2012-10-17", "Statement": []}', "{}", "[", '{"Version": "2012-10-17", "Statement": [{"Sid": '
        '"s", "Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunction", "Resource": "'
        f'{_LAMBDA}:function:alpha"}}]}}',
    ),
}  # fmt: skip

# Realistic text of every kind that the API knows; each shape takes those that fit its constraints.
CORPUS = (
    "a", "hello", "Hello-World_1", "app.handler", "1", "0", "42", "true", "x" * 64, "x" * 65, "x" * 128, "x" * 256,
    "2026-01-01T00:00:00Z", "rate(5 minutes)", "key", "AWS_REGION", "/mnt/data", "/aws/lambda/alpha", ROLE,
    "11111111-2222-3333-4444-555555555555", f"{_LAMBDA}:function:alpha", f"{_LAMBDA}:function:alpha:live",
    f"{_LAMBDA}:layer:shelf:1", f"{_LAMBDA}:layer:shelf", f"{_LAMBDA}:event-source-mapping:11111111-2222-3333-4444-"
    "555555555555", f"{_LAMBDA}:code-signing-config:csc-0123456789abcdef0", f"{_LAMBDA}:capacity-provider:pool",
    f"{_LAMBDA}::runtime:" + "a" * 64, f"arn:aws:lambda:{REGION}::runtime:" + "a" * 64,
    f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue", f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue.fifo",
    f"arn:aws:sns:{REGION}:{ACCOUNT}:topic", f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/one",
    f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/t/stream/2026-01-01T00:00:00.000",
    f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555",
    f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/c/11111111-2222-3333-4444-"
    "555555555555-1", f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:access-point/fsap-0123456789abcdef0",
    f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:s",
    f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles/p/ab12",
    f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default", "arn:aws:s3:::bucket", "subnet-0123456789abcdef0",
    "sg-0123456789abcdef0", "vpc-0123456789abcdef0", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/image:latest",
    "o-abcdef1234", "https://example.com", "*", "GET", "t3.micro", "m7g", "broker:9092", "bucket-name", "some/key",
    "function:alpha:live", "function:alpha:ReservedConcurrency", "lambda:function:ProvisionedConcurrency", "lambda",
    "us-east-1", "eu-west-1", "dGV4dA==", "{}", "[]", '{"a": 1}', "session", "bmV4dA==", "s3.amazonaws.com",
)  # fmt: skip
HOSTILE = (
    "", " ", "\0", "a\0b", "\ud800", "../../etc/passwd", "%2e%2e%2f", "a/b", "a:b:c:d:e:f:g",
    "'; DROP TABLE functions;--",
    "ä€😀", "\u202e", "\n", "\r\nX-Injected: 1", "$", "${jndi:x}", "NaN", "1e999", "-1", "x" * 5000, ":" * 300, "arn:",
    "arn:aws:lambda:::", "٣", "𝟙", "null", "[object Object]", "<a/>", "\x7f", "%", "%zz", "?", "#", "&a=b", ";",
    "$LATEST:1",
)  # fmt: skip
NUMBERS = (0, 1, -1, 2, 3, 10, 50, 100, 900, 901, 2**31 - 1, 2**31, -(2**31) - 1, 2**53, 2**63, 2**64, 10**30)


def _zip(text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("app.py", (2026, 1, 1, 0, 0, 0)), text)
    return buffer.getvalue()


ZIPS = tuple(_zip(f"def handler(event, context): return {number}") for number in range(3))
BLOBS = (
    *ZIPS,
    ZIPS[0],
    b"",
    b"no zip",
    ZIPS[0][:-30],
    b"PK\x03\x04" + b"\0" * 26,
    b"{}",
    b'{"a": 1}',
    b"[",
    b"\xff\xfe",
)


class Values:
    """Draws values; `harvest` collects what the house has answered, by member name, to be sent back to it."""

    def __init__(self, random: Random, harvest: dict[str, list[str]]) -> None:
        self.random = random
        self.harvest = harvest
        self.polite = False  # only values that ought to be taken, and few that nobody must give

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def structure(self, shape: Shape, depth: int = 0) -> dict[str, Any]:
        """Required members nearly always, of the others some: fewer, the deeper they lie."""
        usual = (
            (0.35, 0.6, 0.4, 0.3, 0.2, 0.1, 0.0)[min(depth, DEEPEST)] if depth else self.random.choice((0.1, 0.35, 0.8))
        )
        if self.polite and not depth:
            usual = self.random.choice((0.0, 0.05, 0.15))
        required, surely = set(shape.required_members), 1.0 if self.polite else 0.97
        names = [name for name in shape.members if self.chance(surely if name in required else usual)]
        if getattr(shape, "is_tagged_union", False) and shape.members and self.chance(0.9):
            names = [self.random.choice(list(shape.members))]
        return {name: self.value(shape.members[name], name, depth + 1) for name in names}

    def value(self, shape: Shape, name: str, depth: int) -> Any:
        kind = shape.type_name
        if kind == "structure":
            return self.structure(shape, depth)
        if kind == "list":
            return [self.value(shape.member, name, depth + 1) for _ in range(self._length(shape))] if depth < 9 else []
        if kind == "map":
            pairs = (
                (self.value(shape.key, "", depth + 1), self.value(shape.value, "", depth + 1))
                for _ in range(self._length(shape))
            )
            return {str(key): value for key, value in pairs}
        return self._scalar(shape, name)

    def _length(self, shape: Shape) -> int:
        least, most = _bounds(shape)
        likely = (least or 0, 1, 1, 2, min(most or 3, 60) if self.chance(0.1) else 1)
        return int(self.random.choice(likely))

    def _scalar(self, shape: Shape, name: str) -> Any:
        kind = shape.type_name
        if kind == "blob":
            if self.polite:
                return self.random.choice(ZIPS if "Zip" in name else (b"{}", b'{"a": 1}'))
            return self.random.choice(BLOBS if "Zip" in name or self.chance(0.3) else BLOBS[-5:])
        if kind == "boolean":
            return self.chance(0.4)
        if kind in ("integer", "long", "float", "double"):
            return self.number(shape)
        if kind == "timestamp":
            return datetime.fromtimestamp(self.random.choice((0, 1, 1_767_225_600, 1_800_000_000, 4e9)), UTC)
        return self.text(shape, name)

    def number(self, shape: Shape) -> Any:
        least, most = _bounds(shape)
        near = [edge + by for edge in (least, most) if edge is not None for by in (-1, 0, 1)]
        if self.polite or self.chance(0.75):
            low = int(least or 0)
            return self.random.randint(low, max(low, int(min(most if most is not None else 100, low + 1000))))
        found = self.random.choice(near or NUMBERS) if self.chance(0.7) else self.random.choice(NUMBERS)
        return found + 0.5 if shape.type_name in ("float", "double") and self.chance(0.5) else found

    def text(self, shape: Shape, name: str) -> str:
        roll = self.random.random() * (0.9 if self.polite else 1.0)
        seen = self.harvest.get(name)
        if seen and (roll < 0.3 or (self.polite and name not in KNOWN)):
            return self.random.choice(seen)
        if name in KNOWN and (self.polite or roll < 0.85):
            known = KNOWN[name]
            return known[0] if self.polite and self.chance(0.6) else self.random.choice(known)
        enum = getattr(shape, "enum", None)
        if enum and (self.polite or roll < 0.93):
            return str(self.random.choice(enum))
        if self.polite or roll < 0.95:
            return self.random.choice(_fitting(shape.name, *_rule(shape)))
        return self.hostile()

    def hostile(self) -> str:
        return self.random.choice(HOSTILE if self.chance(0.8) else CORPUS)


def _bounds(shape: Shape) -> tuple[float | None, float | None]:
    return shape.metadata.get("min"), shape.metadata.get("max")


def _rule(shape: Shape) -> tuple[str, float, float]:
    least, most = _bounds(shape)
    return shape.metadata.get("pattern", ""), least or 0, most if most is not None else 10**9


@cache
def _fitting(name: str, pattern: str, least: float, most: float) -> tuple[str, ...]:
    """What of the corpus a shape of that name takes; all of it if nothing fits, or nobody can tell."""
    try:
        matches = re.compile(pattern).fullmatch if pattern else None
    except re.error:
        matches = None
    fits = [each for each in CORPUS if least <= len(each) <= most and (matches is None or matches(each))]
    return tuple(fits) or CORPUS
