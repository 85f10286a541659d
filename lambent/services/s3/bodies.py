"""What comes in becomes content: measured, compared with what its sender said of it, on disk if it is large."""

import asyncio
import base64
import binascii
import hashlib
from typing import Any

from lambent.errors import AwsError
from lambent.services.s3 import errors
from lambent.services.s3.engine import S3
from lambent.services.s3.nouns import INLINE, Content, Part
from lambent.store import checksums
from lambent.store.checksums import ALGORITHMS, DEFAULT
from lambent.wire import aws_chunked
from lambent.wire.http import Request, Spooled
from lambent.wire.parse import Call

_HASH = 64  # digits of a SHA-256
# Their checksums are of an object, and looked at with it.
OF_OBJECTS = frozenset({"PutObject", "UploadPart", "CompleteMultipartUpload"})


class Held:
    """A body in memory, asked like one that is spooled."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.size = len(body)
        self._made: dict[str, bytes] = {}

    def digest(self, algorithm: str) -> bytes:
        if algorithm not in self._made:
            self._made[algorithm] = checksums.of(algorithm, self.body)
        return self._made[algorithm]


Body = Held | Spooled


def body_of(call: Call) -> Body:
    spool = call.request.spool
    return Held(call.parameters.get("Body") or b"") if spool is None else spool


async def received(s3: S3, call: Call, *, to_file: bool = False, algorithm: str = "") -> Content:
    """The request's body, checked, and on disk unless it is small (`to_file`: even then). `algorithm` is a checksum
    to make in any case. Raises AwsError, and nothing is left.
    """
    body = body_of(call)
    if "content-length" not in call.request.headers:
        raise errors.missing_length()
    if body.size <= INLINE:
        found = _checked(call.parameters, call.request, body, algorithm)
    else:
        found = await asyncio.to_thread(_checked, call.parameters, call.request, body, algorithm)
    etag = body.digest("MD5").hex()
    if isinstance(body, Held) and body.size <= INLINE and not to_file:
        return Content(body.size, etag, body.body, [], found)
    file = await asyncio.to_thread(_kept, s3, body)
    return Content(body.size, etag, None, [Part(body.size, file, etag=etag)], found)


def check_document(call: Call) -> None:
    """Raises AwsError for a body of XML or JSON that is not the one whose hashes its headers name, or so large that it
    was taken for an object: nobody has read it, and it must not count as an empty one."""
    request = call.request
    if request.spool is not None and call.operation not in OF_OBJECTS:
        raise AwsError("Your request was too big.", code="MaxMessageLengthExceeded", status=400)
    if not request.body or call.operation in OF_OBJECTS or aws_chunked.is_chunked(request):
        return
    body = Held(request.body)
    _check_md5(request.headers.get("content-md5"), body)
    _check_signed(request, body)
    for name in ALGORITHMS:
        said = request.headers.get(f"x-amz-checksum-{name.lower()}")
        if said is not None:
            compare(name, said, body.digest(name))


def _kept(s3: S3, body: Body) -> str:
    return s3.files.write(body.body) if isinstance(body, Held) else s3.files.keep(body)  # type: ignore[arg-type]


def _checked(parameters: dict[str, Any], request: Request, body: Body, wanted: str) -> dict[str, str]:
    """The checksums to keep: that which was given, or made for it. Raises AwsError for any that is not the body's."""
    _check_md5(parameters.get("ContentMD5"), body)
    _check_signed(request, body)
    algorithm = named_algorithm(parameters)
    value = given(parameters)
    found = {} if value is None else {value[0]: compare(*value, body.digest(value[0]))}
    body.digest("MD5")  # the ETag, here where it keeps nobody waiting
    name = wanted or algorithm or DEFAULT
    if wanted or not found:
        found[name] = checksums.shown(body.digest(name))
    return found


def _check_signed(request: Request, body: Body) -> None:
    said = request.headers.get("x-amz-content-sha256", "")
    if len(said) == _HASH and said != (computed := body.digest("SHA256").hex()):
        raise AwsError(
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
            code="XAmzContentSHA256Mismatch", status=400, ClientComputedContentSHA256=said,
            S3ComputedContentSHA256=computed,
        )  # fmt: skip


def named_algorithm(parameters: dict[str, Any]) -> str:
    """ChecksumAlgorithm. Raises InvalidRequest for one that is not of S3."""
    name = str(parameters.get("ChecksumAlgorithm") or "").upper()
    if name and name not in ALGORITHMS:
        raise errors.invalid_request(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
            f"[{', '.join(ALGORITHMS)}]"
        )
    return name


def given(parameters: dict[str, Any]) -> tuple[str, str] | None:
    """Algorithm and value of the one checksum that came with a request. Raises InvalidRequest if there are more."""
    found = [(name, parameters[f"Checksum{name}"]) for name in ALGORITHMS if parameters.get(f"Checksum{name}")]
    if len(found) > 1:
        raise errors.invalid_request(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    return found[0] if found else None


def compare(algorithm: str, said: str, found: bytes) -> str:
    """The checksum. Raises AwsError if it was said to be another, or cannot be one."""
    wanted = _plain(said)
    if wanted is None or len(wanted) != len(found):
        raise errors.invalid_request(f"Value for x-amz-checksum-{algorithm.lower()} header is invalid.")
    if wanted != found:
        raise errors.bad_digest(algorithm)
    return said


def _check_md5(said: str | None, body: Body) -> None:
    if said is None:
        return
    wanted = _plain(said)
    if wanted is None or len(wanted) != hashlib.md5(usedforsecurity=False).digest_size:
        raise AwsError("The Content-MD5 you specified was invalid.", code="InvalidDigest", status=400, Content_MD5=said)
    if wanted != body.digest("MD5"):
        raise errors.bad_digest()


def _plain(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
