"""botocore on the other end of the wire: its serializers make requests, its parsers read our answers."""

from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import HeadersDict, create_request_object, prepare_request_dict
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from lambent.settings import Settings
from lambent.wire.http import Request, Response
from lambent.wire.parse import Wire
from lambent.wire.sqs_query import with_names

SERVICES = (
    *("lambda", "sqs", "sns", "s3", "events", "scheduler", "kinesis", "dynamodb", "dynamodbstreams", "logs"),
    *("cloudwatch", "sts", "apigateway", "apigatewayv2", "cloudformation", "application-autoscaling"),
)
_LOADER = Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)


def load(service: str, protocol: str) -> ServiceModel:
    document = _LOADER.load_service_model(service, "service-2")
    if service == "sqs" and protocol == "query":
        document = with_names(document)
        for name, operation in document["operations"].items():
            if "output" in operation:
                operation["output"]["resultWrapper"] = f"{name}Result"
    return ServiceModel(document, service)


def error_status(service: str, name: str) -> int:
    """What the model says of an error's HTTP status."""
    traits = _LOADER.load_service_model(service, "service-2")["shapes"][name]
    return int(traits.get("error", {}).get("httpStatusCode", 500 if traits.get("fault") else 400))


def protocols(service: str) -> list[str]:
    metadata = _LOADER.load_service_model(service, "service-2")["metadata"]
    listed = list(metadata.get("protocols") or [metadata["protocol"]])
    return [*listed, "query"] if service == "sqs" else listed


PAIRS = [(service, protocol) for service in SERVICES for protocol in protocols(service)]


def lenient_wire() -> Wire:
    """A wire that does not check constraints: the samples do not obey patterns."""
    return Wire(Settings(), constraints=False)


def request(operation: OperationModel, protocol: str, parameters: dict[str, Any], scope: str) -> Request:
    """The request as botocore would send it, signed for the service (the signature itself is not made)."""
    document = create_serializer(protocol, include_validation=False).serialize_to_request(parameters, operation)
    prepare_request_dict(document, endpoint_url="http://127.0.0.1:4566", context={}, user_agent="test")
    prepared = create_request_object(document).prepare()
    url = urlsplit(prepared.url)
    headers = {name.lower(): _text(value) for name, value in prepared.headers.items()}
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential=AKID/20240101/eu-west-1/{scope}/aws4_request, Signature=x"
    headers.setdefault("host", url.netloc)
    return Request(prepared.method, url.path, url.query, headers, _bytes(prepared.body))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _bytes(body: Any) -> bytes:
    if hasattr(body, "read"):
        return bytes(body.read())
    return body.encode() if isinstance(body, str) else bytes(body or b"")


class Streamed:
    """A response body that is read in pieces, as botocore's own HTTP layer gives it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def read(self) -> bytes:
        return self._body

    def stream(self) -> Any:
        yield from (self._body[at : at + 7] for at in range(0, len(self._body), 7))

    def close(self) -> None: ...


async def body_of(response: Response) -> bytes:
    if isinstance(response.body, bytes):
        return response.body
    return b"".join([piece async for piece in response.body])


async def parsed(operation: OperationModel, protocol: str, response: Response, shape: Any) -> dict[str, Any]:
    """What botocore reads in a response."""
    body: Any = await body_of(response)
    streams = operation.has_event_stream_output or operation.has_streaming_output
    if streams and response.status < 300:
        body = Streamed(body)
    document = {
        "headers": HeadersDict(dict(response.headers)),
        "status_code": response.status,
        "body": body,
        "context": {"operation_name": operation.name},
    }
    result = create_parser(protocol).parse(document, shape)
    return {name: value for name, value in result.items() if name != "ResponseMetadata"}
