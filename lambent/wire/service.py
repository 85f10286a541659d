"""One service, loaded: its routes, its operations compiled at first use, its errors."""

from lambent.errors import AwsError
from lambent.wire import recognise, shapes
from lambent.wire.constraints import Constraints
from lambent.wire.failures import error_models, failure
from lambent.wire.faults import method_not_allowed, unknown_operation
from lambent.wire.http import Request, Response
from lambent.wire.protocols import CODECS, Codec, Operation
from lambent.wire.query import Query
from lambent.wire.routes import Match, Routes
from lambent.wire.services import profile


class Service:
    """Everything about one service that does not change between requests."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.profile = profile(name)
        self.model = shapes.load(name)
        self.protocols = tuple(each for each in (*self.model.protocols, *self.profile.more_protocols) if each in CODECS)
        self._constraints = Constraints(name)
        self._errors = error_models(self.model)
        self._operations: dict[tuple[str, str], Operation] = {}
        self._codecs: dict[str, Codec] = {}
        self._routes: Routes | None = None

    def protocol(self, request: Request) -> str:
        """The protocol in which a request came."""
        return self.protocols[0] if len(self.protocols) == 1 else recognise.protocol(request, self.protocols)

    def route(self, request: Request, query: Query) -> Match:
        """The operation that a REST request names, and the labels in its path."""
        if self._routes is None:
            self._routes = Routes(self.model)
        found = self._routes.match(request.method, request.path, query, request.headers)
        if found is None:
            raise method_not_allowed() if self.name == "s3" else unknown_operation()
        return found

    def operation(self, name: str, protocol: str) -> Operation:
        """The operation compiled for a protocol. Raises UnknownOperationException."""
        found = self._operations.get((name, protocol))
        if found is None:
            if name not in self.model.operation_documents:
                raise unknown_operation()
            found = self._operations[name, protocol] = self._compile(name, protocol)
        return found

    def _compile(self, name: str, protocol: str) -> Operation:
        model = self.model.operation(name)
        codec = self.codec(protocol)
        check = self._constraints.of(model, prefix_body=self.profile.input_prefix)
        return Operation(model, protocol, codec.reader(model), check, codec.writer(model))

    def codec(self, protocol: str) -> Codec:
        if protocol not in self._codecs:
            self._codecs[protocol] = CODECS[protocol](self.profile, self.model)
        return self._codecs[protocol]

    def validation_code(self, operation: Operation) -> str:
        """The code with which this service answers a broken constraint; its newer operations all say the same."""
        code = self.profile.validation
        return "ValidationException" if code and "ValidationException" in operation.model.error_names else code

    def render_failure(self, error: AwsError, protocol: str, request_id: str) -> Response:
        return self.codec(protocol).render_failure(failure(error, self._errors.get(error.code)), request_id)
