"""A request becomes a Call, and a result or an error becomes a response: the two doors of this package."""

from collections.abc import Callable
from typing import Any

import msgspec

from lambent.errors import AwsError, NotImplementedYet
from lambent.principal import NOBODY, Principal, root_of
from lambent.settings import Settings
from lambent.wire import ids, recognise
from lambent.wire.faults import malformed, unknown_operation
from lambent.wire.http import Request, Response
from lambent.wire.protocols import Operation
from lambent.wire.recognise import Sender
from lambent.wire.service import Service
from lambent.wire.shapes import UnknownServiceError

# Who sends a request, given what its signature claims. Raises AwsError for whoever is not believed.
Identify = Callable[[Request, Sender], Principal]


class Call(msgspec.Struct, frozen=True):
    """One AWS API call: which operation of which service, with what parameters, by whom, where."""

    service: str
    operation: str
    parameters: dict[str, Any]  # by the model's member names, with the values that a boto3 user would pass
    request: Request
    request_id: str
    access_key: str  # "" when the request is not signed
    account: str
    region: str
    handle: Operation  # how to answer; opaque
    caller: Principal = NOBODY


class Wire:
    """Reads requests and writes answers of every service. Models load and operations compile at their first use."""

    def __init__(self, settings: Settings, identify: Identify | None = None, *, constraints: bool = True) -> None:
        """`identify` says who sends a request, and refuses whom it does not believe; without it, the root of
        the account that is claimed. Without `constraints`, whatever has the right types is let through.
        """
        self._identify = identify or (lambda _, who: root_of(who.account or self._account, who.access_key))
        self._constraints = constraints
        self._region = settings.region
        self._account = settings.account
        self._services: dict[str, Service] = {}

    def parse(self, request: Request) -> Call:
        """The call that a request makes. Raises AwsError when it is malformed, unknown or breaks a constraint."""
        who = recognise.sender(request)
        return self.parse_of(request, who, recognise.service(request, who.scope), self._identify)

    def parse_of(self, request: Request, who: Sender, named: str, identify: Identify) -> Call:
        """The same where it is known who sends it and to which service."""
        service = self._services.get(named) or self.service(named)
        caller = identify(request, who)
        try:
            operation, labels, pairs, plain = service.locate(request)
            parameters = operation.read(plain, labels, pairs)
        except RecursionError:
            raise malformed("The body is nested too deeply") from None
        if self._constraints:
            service.check(operation, parameters)
        return Call(
            service.name,
            operation.name,
            parameters,
            request,
            ids.s3_request_id() if service.name == "s3" else ids.request_id(),
            who.access_key,
            caller.account or self._account,
            who.region or self._region,
            operation,
            caller,
        )

    def render(self, call: Call, result: dict[str, Any]) -> Response:
        """The response that carries a result; its keys are members of the output shape."""
        return call.handle.write(result, call.request_id)

    def render_error(self, call_or_request: Call | Request, error: AwsError, request_id: str) -> Response:
        """The response that carries an error, in the protocol in which the request came."""
        if isinstance(call_or_request, Call):
            service, protocol = self.service(call_or_request.service), call_or_request.handle.protocol
            request = call_or_request.request
        else:
            service, protocol = self._best_guess(call_or_request)
            request = call_or_request
        response = service.render_failure(error, protocol, request_id)
        if request.method == "HEAD":
            response.body = b""
        return response

    def operations(self, service: str) -> list[str]:
        """The names of a service's operations."""
        return list(self.service(service).model.operation_documents)

    def service(self, name: str) -> Service:
        """A service, loaded at the first request for it. Raises UnknownOperationException for a name AWS has not, and
        NotImplementedYet for a service whose protocol is not spoken here (EC2 has one for itself)."""
        found = self._services.get(name)
        if found is None:
            try:
                found = Service(name)
            except UnknownServiceError:
                raise unknown_operation() from None
            if not found.protocols:
                raise NotImplementedYet(f"{name} is not built yet, nor the protocol that it speaks.")
            self._services[name] = found
        return found

    def _best_guess(self, request: Request) -> tuple[Service, str]:
        """Whose words to use for a request that could not be parsed."""
        try:
            service = self.service(recognise.service(request, recognise.sender(request).scope))
            return service, service.protocol(request)
        except AwsError:
            return self.service("lambda"), "rest-json"
