"""A client of the control plane, without sockets: botocore writes the request and reads the answer."""

import datetime
import io
import zipfile
from typing import Any
from urllib.parse import urlencode

from botocore.awsrequest import HeadersDict
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from lambent.control.control import Control
from lambent.control.registry import handle
from lambent.errors import AwsError
from lambent.wire.http import Request
from lambent.wire.parse import Wire

ACCOUNT, REGION = "111111111111", "eu-west-1"
ROLE = "arn:aws:iam::111111111111:role/lambda-role"
START = datetime.datetime(2026, 1, 12, 15, 37, 17, 250_000, tzinfo=datetime.UTC).timestamp()
MODEL = ServiceModel(Loader().load_service_model("lambda", "service-2"), "lambda")


def function_arn(name: str = "hello", qualifier: str = "") -> str:
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    return f"{arn}:{qualifier}" if qualifier else arn


def make_zip(text: str = "def handler(event, context): return event\n", **files: str) -> bytes:
    """The same bytes for the same files, on every day."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in {"app.py": text, **files}.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content)
    return buffer.getvalue()


class RefusedError(Exception):
    """What a client got instead of a result: code, message, HTTP status, and botocore's whole answer."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer
        self.code, self.message = answer["Error"]["Code"], answer["Error"]["Message"]
        self.status = answer["ResponseMetadata"]["HTTPStatusCode"]
        super().__init__(f"{self.status} {self.code}: {self.message}")


class Client:
    """Calls operations of the control plane as botocore would, without a socket."""

    def __init__(self, control: Control) -> None:
        self.control = control
        self.wire = Wire(control.settings)
        self._serializer = create_serializer("rest-json", include_validation=False)
        self._parser = create_parser("rest-json")

    async def __call__(
        self, operation: str, *, region: str = REGION, account: str = ACCOUNT, **parameters: Any
    ) -> dict[str, Any]:
        """The result, with ResponseMetadata.HTTPStatusCode, as the root of `account`. Raises RefusedError."""
        model = MODEL.operation_model(operation)
        request = self._request(self._serializer.serialize_to_request(parameters, model), region, account)
        response = await self._answer(request)
        raw = {"status_code": response.status, "headers": HeadersDict(response.headers), "body": response.body}
        parsed: dict[str, Any] = self._parser.parse(raw, model.output_shape)
        if response.status >= 300:
            raise RefusedError(self._with_members(parsed, raw))
        parsed["ResponseMetadata"] = {"HTTPStatusCode": response.status}  # without the request's id, which differs
        return parsed

    def _with_members(self, parsed: dict[str, Any], raw: dict[str, Any]) -> dict[str, Any]:
        """As botocore's clients do: the members that the model gives this error, besides Error."""
        shape = MODEL.shape_for_error_code(parsed["Error"]["Code"])
        return parsed | (self._parser.parse(raw, shape) if shape else {})

    async def create(self, name: str = "hello", **changes: Any) -> dict[str, Any]:
        """CreateFunction with everything that it must have; None takes a parameter away. Waits until it is settled."""
        result = await self("CreateFunction", **creation(name, **changes))
        await self.control.settled()
        return result

    async def _answer(self, request: Request) -> Any:
        call = None
        try:
            call = self.wire.parse(request)
            return self.wire.render(call, await handle(self.control, call))
        except AwsError as error:
            return self.wire.render_error(call or request, error, "11111111-2222-3333-4444-555555555555")

    @staticmethod
    def _request(serialized: dict[str, Any], region: str, account: str) -> Request:
        path, _, query = serialized["url_path"].partition("?")
        pairs = serialized["query_string"]
        if pairs:
            query = "&".join(filter(None, [query, urlencode(pairs, doseq=True)]))
        scope = f"AWS4-HMAC-SHA256 Credential={account}/20260112/{region}/lambda/aws4_request"
        headers = {name.lower(): value for name, value in serialized["headers"].items()}
        headers |= {"host": "localhost:4566", "authorization": f"{scope}, SignedHeaders=host, Signature=0"}
        body = serialized["body"]
        return Request(serialized["method"], path, query, headers, body if isinstance(body, bytes) else body.encode())


def creation(name: str = "hello", **changes: Any) -> dict[str, Any]:
    given = {
        "FunctionName": name,
        "Runtime": "python3.13",
        "Role": ROLE,
        "Handler": "app.handler",
        "Code": {"ZipFile": make_zip()},
    }
    return {key: value for key, value in (given | changes).items() if value is not None}
