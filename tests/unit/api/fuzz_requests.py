"""Requests for every operation of a model, well-formed by botocore's own serializer, and then spoiled."""

import json
from functools import cache
from random import Random
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.serialize import create_serializer
from fuzz_values import ACCOUNT, HOSTILE, KNOWN, NUMBERS, REGION, ROLE, ZIPS, Values

from lambent.wire.http import Request

JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 10**30, "", "x", [], {}, [None], [[]], {"": None}, {"a": {"b": []}}, "\0",
    "x" * 70_000, [1] * 300, {str(number): number for number in range(80)}, 1e308, "\ud800",
)  # fmt: skip
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "BREW")
HEADERS = (
    ("content-type", "text/plain"), ("content-type", "application/x-www-form-urlencoded"),
    ("x-amz-target", "AWSLambda.X"), ("x-amz-invocation-type", "Event"), ("x-amz-invocation-type", "event"),
    ("x-amz-log-type", "Tail"),
    ("x-amz-client-context", "e30="), ("x-amz-client-context", "%"), ("x-amzn-trace-id", "Root=1;" * 90),
    ("idempotency-key", "k"), ("authorization", "AWS4-HMAC-SHA256 Credential=/"), ("authorization", "Bearer x"),
    ("host", "abc.lambda-url.eu-west-1.localhost"), ("host", ""), ("x-amz-tenant-id", "t"), ("expect", "nothing"),
    ("x-amz-durable-execution-name", "d"), ("content-encoding", "gzip"), ("x-http-method-override", "DELETE"),
)  # fmt: skip


# What operations that need much to succeed are asked with, for the most part; the rest is drawn.
_CREATION = {"Runtime": "python3.13", "Role": ROLE, "Handler": "app.handler", "Code": {"ZipFile": ZIPS[0]}}
BASES: dict[str, dict[str, Any]] = {
    "CreateFunction": _CREATION,
    "UpdateFunctionCode": {"FunctionName": "alpha", "ZipFile": ZIPS[1]},
    "UpdateFunctionConfiguration": {"FunctionName": "alpha"},
    "CreateAlias": {"FunctionName": "alpha", "FunctionVersion": "1"},
    "UpdateAlias": {"FunctionName": "alpha", "Name": "live"},
    "PublishLayerVersion": {"LayerName": "shelf", "Content": {"ZipFile": ZIPS[2]}},
    "AddLayerVersionPermission": {
        "LayerName": "shelf", "VersionNumber": 1, "Action": "lambda:GetLayerVersion", "Principal": "222222222222",
    },
    "AddPermission": {"FunctionName": "alpha", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"},
    "PutProvisionedConcurrencyConfig": {"FunctionName": "alpha", "Qualifier": "live"},
    "CreateEventSourceMapping": {
        "FunctionName": "alpha", "BatchSize": 5, "EventSourceArn": KNOWN["EventSourceArn"][1],
        "StartingPosition": "LATEST",
    },
    "CreateFunctionUrlConfig": {"FunctionName": "alpha", "AuthType": "NONE"},
    "TagResource": {"Resource": KNOWN["Resource"][0], "Tags": {"a": "b"}},
}  # fmt: skip


class Asked(NamedTuple):
    """One request, and what it was meant to be."""

    service: str
    operation: str
    request: Request


@cache
def model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


@cache
def _serializer(service: str) -> Any:
    return create_serializer(model(service).metadata["protocol"], include_validation=False)


class Requests:
    """`next` makes one request after the other. `spoiled` is the share of those that are not left as they are."""

    def __init__(
        self,
        random: Random,
        harvest: dict[str, list[str]],
        services: tuple[str, ...] = ("lambda",),
        spoiled: float = 0.4,
    ) -> None:
        self.random = random
        self.values = Values(random, harvest)
        self._spoiled = spoiled
        self._operations = [(service, name) for service in services for name in model(service).operation_names]

    def next(self) -> Asked:
        while True:
            service, operation = self.random.choice(self._operations)
            try:
                request = self.of(service, operation)
            except Exception:  # botocore itself cannot say this: a label that is empty, a surrogate
                continue
            return Asked(service, operation, request)

    def of(self, service: str, operation: str) -> Request:
        """A request for that operation, perhaps spoiled."""
        shape = model(service).operation_model(operation)
        self.values.polite = self.values.chance(0.5)
        parameters = self.values.structure(shape.input_shape) if shape.input_shape else {}
        if operation in BASES and self.values.chance(0.7):
            parameters |= BASES[operation]
        request = well_formed(service, operation, parameters)
        if self.values.chance(self._spoiled):
            for _ in range(self.random.choice((1, 1, 1, 2, 4))):
                self._spoil(request)
        return request

    def _spoil(self, request: Request) -> None:
        ways = (self._json, self._json, self._json, self._bytes, self._path, self._query, self._query, self._header)
        self.random.choice(ways if request.body else ways[4:])(request)
        if self.values.chance(0.03):
            request.method = self.random.choice(METHODS)

    def _json(self, request: Request) -> None:
        """Another value, or none, at any place of a JSON body."""
        try:
            document = json.loads(request.body)
        except ValueError:
            return self._bytes(request)
        request.body = json.dumps(self._replaced(document)).encode("utf-8", "surrogatepass")
        return None

    def _replaced(self, document: Any) -> Any:
        keys: list[Any] = []
        if isinstance(document, dict):
            keys = list(document)
        elif isinstance(document, list):
            keys = list(range(len(document)))
        if not keys or self.values.chance(0.15):
            return self.random.choice(JUNK)
        key = self.random.choice(keys)
        way = self.random.random()
        if way < 0.15:
            del document[key]
        elif way < 0.25 and isinstance(document, dict):
            document[self.values.hostile()] = self.random.choice(JUNK)
        elif way < 0.35:
            document[key] = self.values.hostile()
        elif way < 0.45:
            document[key] = self.random.choice(NUMBERS)
        else:
            document[key] = self._replaced(document[key])
        return document

    def _bytes(self, request: Request) -> None:
        body = bytearray(request.body)
        at = self.random.randrange(len(body) + 1)
        way = self.random.randrange(4)
        if way == 0:
            request.body = bytes(body[:at])
        elif way == 1:
            request.body = (
                bytes(body[:at]) + self.random.choice((b"\xff", b"\0", b"[" * 3000, b'{"a":' * 900)) + body[at:]
            )
        elif way == 2:
            request.body = bytes(body) * 2
        else:
            request.body = b""

    def _path(self, request: Request) -> None:
        segments = request.path.split("/")
        at = self.random.randrange(1, len(segments)) if len(segments) > 1 else 0
        way = self.random.randrange(4)
        if way == 0:
            del segments[at]
        elif way == 1:
            segments.insert(at, "")
        else:
            segments[at] = quote(self.values.hostile(), safe="", errors="replace")
        request.path = "/".join(segments) or "/"

    def _query(self, request: Request) -> None:
        pairs = [pair for pair in request.query.split("&") if pair]
        extra = self.random.choice(
            ("Qualifier", "Marker", "MaxItems", "FunctionVersion", "x-id", "RevisionId", "find", "MasterRegion")
        )
        value = self.random.choice((*HOSTILE, *map(str, NUMBERS), "1.5", "true"))
        way = self.random.randrange(3)
        if way == 0 and pairs:
            pairs.pop(self.random.randrange(len(pairs)))
        elif way == 1 and pairs:
            name = self.random.choice(pairs).partition("=")[0]
            pairs = [pair for pair in pairs if not pair.startswith(f"{name}=")]
            pairs.append(f"{name}={quote(value, safe='', errors='replace')}")
        else:
            pairs.append(f"{extra}={quote(value, safe='', errors='replace')}")
        request.query = "&".join(pairs)

    def _header(self, request: Request) -> None:
        name, value = self.random.choice(HEADERS)
        if self.values.chance(0.2):
            request.headers.pop(self.random.choice(list(request.headers)), None)
        else:
            request.headers[name] = value[:8000]


def well_formed(service: str, operation: str, parameters: dict[str, Any]) -> Request:
    """As botocore would send it; raises whatever botocore raises for what it cannot say."""
    return plain(
        _serializer(service).serialize_to_request(parameters, model(service).operation_model(operation)), service
    )


def plain(serialized: dict[str, Any], service: str) -> Request:
    """What botocore would send, as it comes out of the HTTP reader."""
    path, _, query = serialized["url_path"].partition("?")
    if serialized["query_string"]:
        pairs = serialized["query_string"]
        query = "&".join(filter(None, [query, pairs if isinstance(pairs, str) else urlencode(pairs, doseq=True)]))
    scope = f"AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260112/{REGION}/{service}/aws4_request"
    headers = {name.lower(): _one_line(value) for name, value in serialized["headers"].items()}
    headers |= {"host": "localhost:4566", "authorization": f"{scope}, SignedHeaders=host, Signature=0"}
    body = serialized["body"]
    if isinstance(body, dict):  # the query protocol's form
        body = urlencode(body, doseq=True)
    return Request(
        serialized["method"], path or "/", query, headers, body if isinstance(body, bytes) else body.encode()
    )


def _one_line(value: Any) -> str:
    """What no HTTP reader would let through as a header's value."""
    text = str(value).replace("\r", "").replace("\n", "").replace("\0", "")
    return text.encode("latin-1", "replace").decode("latin-1")
