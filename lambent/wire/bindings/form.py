"""The query protocol: a form comes in, with the operation's name as Action; XML in two wrappers goes out."""

from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import quoteattr

from lambent.wire.bindings import Reader, Writer
from lambent.wire.formats.form import FormFormat, tree
from lambent.wire.formats.xml import DECLARATION, XmlFormat, escaped
from lambent.wire.http import Request, Response
from lambent.wire.query import Query
from lambent.wire.recognise import form_of
from lambent.wire.shapes import OperationModel

CONTENT_TYPE = "text/xml"


def reader(operation: OperationModel, form: FormFormat) -> Reader:
    """Compiles the way from a form to the operation's parameters."""
    shape = operation.input
    if shape is None:
        return lambda request, labels, query: {}
    decode = form.decoder(shape)
    # SQS's old protocol addresses a queue by the URL that the request is sent to.
    to_queue = "QueueUrl" in shape.members

    def read(request: Request, labels: list[str], query: Query) -> dict[str, Any]:
        parameters: dict[str, Any] = decode(tree(form_of(request)))
        if to_queue and "QueueUrl" not in parameters and request.path.count("/") >= 2:
            host = request.headers.get("host", "localhost")
            parameters["QueueUrl"] = f"http://{host}{unquote(request.path)}"
        return parameters

    return read


def writer(operation: OperationModel, form: XmlFormat) -> Writer:
    """Compiles the way from the operation's result to a response."""
    name = operation.name
    opening = f"{DECLARATION}<{name}Response xmlns={quoteattr(form.namespace)}>"
    result_of = form.element(operation.output, operation.result_wrapper) if operation.output else None

    def write(result: dict[str, Any], request_id: str) -> Response:
        pieces = [opening]
        if result_of is not None:
            result_of(result, pieces)
        metadata = f"<ResponseMetadata><RequestId>{escaped(request_id)}</RequestId></ResponseMetadata>"
        pieces.append(f"{metadata}</{name}Response>")
        headers = [("x-amzn-RequestId", request_id), ("Content-Type", CONTENT_TYPE)]
        return Response(200, headers, "".join(pieces).encode())

    return write
