"""One service, loaded: its routes, its operations compiled at first use, its errors."""

from typing import Any

import msgspec

from lambent.errors import AwsError
from lambent.wire import aws_chunked, query, recognise, shapes, sqs_query
from lambent.wire.constraints import Constraints, raise_for
from lambent.wire.failures import error_models, failure
from lambent.wire.faults import method_not_allowed, missing_parameter, unknown_action, unknown_operation
from lambent.wire.http import Request, Response
from lambent.wire.protocols import CODECS, Codec, Operation
from lambent.wire.query import Query
from lambent.wire.routes import Routes
from lambent.wire.services import profile

NO_QUERY: Query = {}


# What a request asks for, and where its parameters are: the path's labels, the query, and the request. That may differ
# from the one that came in: a bucket moved from the host to the path, a body put together from signed chunks.
Located = tuple[Operation, list[str], Query, Request]


class Service:
    """Everything about one service that does not change between requests."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.profile = profile(name)
        self.model = shapes.load(name)
        self.protocols = tuple(each for each in (*self.model.protocols, *self.profile.more_protocols) if each in CODECS)
        only = self.protocols[0] if len(self.protocols) == 1 else ""
        self._only_rest = only if only.startswith("rest") else ""
        self._constraints = Constraints(name)
        self._errors = error_models(self.model)
        self._operations: dict[tuple[str, str], Operation] = {}
        self._codecs: dict[str, Codec] = {}
        self._models: dict[str, shapes.Model] = {}
        self._routes: Routes | None = None

    def __repr__(self) -> str:
        return f"<Service {self.name}: {', '.join(self.protocols)}; {len(self._operations)} operations compiled>"

    def protocol(self, request: Request) -> str:
        """The protocol in which a request came."""
        return self.protocols[0] if len(self.protocols) == 1 else recognise.protocol(request, self.protocols)

    def locate(self, request: Request) -> Located:
        """The operation that a request names. Raises UnknownOperationException or the protocol's word for it."""
        protocol = self._only_rest or self.protocol(request)
        if protocol.startswith("rest"):
            return self._route(request, protocol)
        return self.operation(self._named(request, protocol), protocol), [], NO_QUERY, request

    def _named(self, request: Request, protocol: str) -> str:
        """The operation that an RPC request names in a header, its path or its form."""
        if protocol == "json":
            return request.headers.get("x-amz-target", "").rpartition(".")[2]
        if protocol == "query":
            form = recognise.form_of(request)
            action = form.get("Action", [""])[0]
            if action not in self.model.operation_documents:
                raise unknown_action(action, form.get("Version", [self.profile.version])[0])
            return action
        return recognise.cbor_operation(request.path)

    def _route(self, request: Request, protocol: str) -> Located:
        if self._routes is None:
            self._routes = Routes(self.model)
        if self.name == "s3":
            request = _plain_s3(request)
        pairs = query.parse(request.query) if request.query else NO_QUERY
        found = self._routes.match(request.method, request.path, pairs, request.headers)
        if found is None:
            raise method_not_allowed() if self.name == "s3" else unknown_operation()
        return self.operation(found[0], protocol), found[1], pairs, request

    def operation(self, name: str, protocol: str) -> Operation:
        """The operation compiled for a protocol. Raises UnknownOperationException."""
        found = self._operations.get((name, protocol))
        if found is None:
            if name not in self.model.operation_documents:
                raise unknown_operation()
            found = self._operations[name, protocol] = self._compile(name, protocol)
        return found

    def _compile(self, name: str, protocol: str) -> Operation:
        model = self._model_for(protocol).operation(name)
        codec = self.codec(protocol)
        check = self._constraints.of(model, prefix_body=self.profile.input_prefix)
        return Operation(name, model, protocol, codec.reader(model), check, codec.writer(model))

    def _model_for(self, protocol: str) -> shapes.Model:
        if self.name != "sqs" or protocol != "query":
            return self.model
        if protocol not in self._models:
            self._models[protocol] = shapes.Model(self.name, sqs_query.with_names(shapes.document(self.name)))
        return self._models[protocol]

    def codec(self, protocol: str) -> Codec:
        if protocol not in self._codecs:
            self._codecs[protocol] = CODECS[protocol](self.profile, self.model)
        return self._codecs[protocol]

    def check(self, operation: Operation, parameters: dict[str, Any]) -> None:
        """Raises the service's error for broken constraints."""
        if self.name == "sqs":  # its other constraints depend on the queue, and are its handlers' matter
            _check_required(operation, parameters)
        elif self.profile.validation:
            problems = operation.check(parameters)
            if problems:
                raise_for(problems, self._validation_code(operation))

    def _validation_code(self, operation: Operation) -> str:
        """The code of a broken constraint: what the operation declares (newer operations of Logs do), or else what its
        service answers. SNS declares ValidationException and answers ValidationError all the same (recorded)."""
        declared = "ValidationException" in operation.model.error_names and "query" not in self.model.protocols
        return "ValidationException" if declared else self.profile.validation

    def render_failure(self, error: AwsError, protocol: str, request_id: str) -> Response:
        return self.codec(protocol).render_failure(failure(error, self._errors.get(error.code)), request_id)


def _check_required(operation: Operation, parameters: dict[str, Any]) -> None:
    shape = operation.model.input
    missing = next((name for name in shape.required if name not in parameters), None) if shape else None
    if missing is not None:
        raise missing_parameter(missing)


def _plain_s3(request: Request) -> Request:
    """The request in path style, its body without the framing of signed chunks."""
    bucket = recognise.bucket_in_host(request)
    if bucket:
        request = msgspec.structs.replace(request, path=f"/{bucket}{request.path}")
    return aws_chunked.plain(request) if aws_chunked.is_chunked(request) else request
