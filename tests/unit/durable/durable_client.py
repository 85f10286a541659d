"""A client of the durable API without sockets: botocore writes the request and reads the answer; and executions to ask
for."""

import re
from typing import Any
from urllib.parse import urlencode

from botocore.awsrequest import HeadersDict
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from lambent.arns import FunctionRef
from lambent.clock import FixedClock
from lambent.durable import machine, records
from lambent.durable.api import Decide, DurableApi
from lambent.durable.api_lists import Owner
from lambent.durable.nouns import Execution, State
from lambent.errors import AwsError, ResourceNotFound
from lambent.settings import Settings
from lambent.store.durable_executions import DurableExecutions
from lambent.wire.http import Request
from lambent.wire.parse import Wire

ACCOUNT, REGION, START = "111111111111", "eu-west-1", 1_768_000_000.0
MODEL = ServiceModel(Loader().load_service_model("lambda", "service-2"), "lambda")


class RefusedError(Exception):
    """What a client got instead of a result."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.code, self.message = answer["Error"]["Code"], answer["Error"].get("Message", "")
        self.status = answer["ResponseMetadata"]["HTTPStatusCode"]
        super().__init__(f"{self.status} {self.code}: {self.message}")


class StoreDriver:
    """Stores each change at once; nothing is ever invoked."""

    def __init__(self, store: DurableExecutions, clock: FixedClock) -> None:
        self.store = store
        self.clock = clock

    async def change(self, number: int, decide: Decide) -> State:
        state = records.load(self.store, number)
        if state is None:
            raise ResourceNotFound("Durable Execution does not exist")
        change = decide(state, self.clock.epoch())
        state = change.onto(state)
        await self.store.write(records.write(change, state))
        return state

    async def start(self, function: str = "hello", name: str = "n", **changes: Any) -> Execution:
        """A new execution, which runs."""
        number, now = self.store.number(), self.clock.epoch()
        given = {"account": ACCOUNT, "region": REGION, "version": "$LATEST", "timeout_s": 600, "retention_days": 1}
        execution = Execution(
            **given | {"number": number, "function": function, "name": name, "id": f"id-{number}", "started": now}
            | {"deadline": now + 600, "born": 1.0} | changes
        )  # fmt: skip
        state, change = machine.start(execution, '{"a":1}')
        await self.store.write(records.write(change, state))
        return state.execution


class Functions:
    """Functions that there are, by name."""

    def __init__(self) -> None:
        self.born = {"hello": 1.0, "other": 1.0}

    def owner(self, ref: FunctionRef) -> Owner:
        if ref.name not in self.born:
            raise ResourceNotFound(f"Function not found: {ref.arn}")
        return Owner(self.born[ref.name], (ref.qualifier,) if ref.qualifier else ())


class Client:
    """Calls operations as botocore would."""

    def __init__(self, api: DurableApi) -> None:
        self.api = api
        self.wire = Wire(Settings(region=REGION))
        self._serializer = create_serializer("rest-json", include_validation=False)
        self._parser = create_parser("rest-json")

    async def __call__(
        self, operation: str, *, region: str = REGION, account: str = ACCOUNT, **parameters: Any
    ) -> dict[str, Any]:
        """The result with its status. Raises RefusedError."""
        model = MODEL.operation_model(operation)
        request = _request(self._serializer.serialize_to_request(parameters, model), region, account)
        call = None
        try:
            call = self.wire.parse(request)
            response = self.wire.render(call, await self.api.operations[operation](call))
        except AwsError as error:
            response = self.wire.render_error(call or request, error, "request-id")
        raw = {"status_code": response.status, "headers": HeadersDict(response.headers), "body": response.body}
        parsed: dict[str, Any] = self._parser.parse(raw, model.output_shape)
        if response.status >= 300:
            raise RefusedError(parsed)
        parsed["ResponseMetadata"] = {"HTTPStatusCode": response.status}
        return parsed


def _request(serialized: dict[str, Any], region: str, account: str) -> Request:
    path, _, query = serialized["url_path"].partition("?")
    pairs = serialized["query_string"]
    if pairs:
        query = "&".join(filter(None, [query, urlencode(pairs, doseq=True)]))
    headers = {name.lower(): value for name, value in serialized["headers"].items()}
    scope = f"AWS4-HMAC-SHA256 Credential={account}/20260112/{region}/lambda/aws4_request"
    headers |= {"host": "localhost:4566", "authorization": f"{scope}, SignedHeaders=host, Signature=0"}
    body = serialized["body"]
    path = re.sub(r"\s", "", path)
    return Request(serialized["method"], path, query, headers, body if isinstance(body, bytes) else body.encode())
