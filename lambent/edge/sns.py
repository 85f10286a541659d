"""The certificate by which subscribers check the signatures of SNS's messages, at the address that these name."""

from collections.abc import Callable

from lambent.errors import ResourceNotFound
from lambent.wire.http import Request, Response

PREFIX = "/_lambent/sns"


class SnsDoor:
    """Public: whoever got a message may check it, without a signature of its own."""

    prefix = PREFIX

    def __init__(self, certificate: Callable[[], bytes]) -> None:
        self._certificate = certificate

    async def answer(self, request: Request) -> Response:
        if not request.path.endswith(".pem"):
            raise ResourceNotFound(f"There is nothing at {request.path}.")
        return Response(200, [("content-type", "application/x-pem-file")], self._certificate())
