"""Is a body the one that was signed? As one hash, as a word for none, or chunk by chunk (`aws-chunked`).

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and sigv4-streaming-trailers.html
"""

import hashlib
import hmac

from lambent.iam import sigv4
from lambent.iam.claim import ALGORITHM, Claim
from lambent.iam.refusals import Words
from lambent.wire import aws_chunked
from lambent.wire.http import Request

STREAMING = "STREAMING-"
_SIGNED = f"{STREAMING}AWS4-HMAC-SHA256-PAYLOAD"
_SIGNED_TRAILER = f"{_SIGNED}-TRAILER"
_UNSIGNED_TRAILER = f"{STREAMING}UNSIGNED-PAYLOAD-TRAILER"
_WORDS = frozenset({sigv4.UNSIGNED, _SIGNED, _SIGNED_TRAILER, _UNSIGNED_TRAILER})
_NOTHING = hashlib.sha256(b"").hexdigest()
_TRAILER_SIGNATURE = b"x-amz-trailer-signature:"


def hash_of(request: Request, claim: Claim, words: Words) -> str:
    """What stands for the body in the canonical request. Raises AwsError if a hash in a header is not the body's.

    Only S3 takes words in place of a hash; every other service computes the hash itself.
    """
    if claim.service != "s3":
        return hashlib.sha256(request.body).hexdigest()
    said = request.headers.get("x-amz-content-sha256")
    if claim.presigned and (said is None or said == sigv4.UNSIGNED):
        return sigv4.UNSIGNED
    if said in _WORDS:
        return str(said)
    found = hashlib.sha256(request.body).hexdigest() if request.spool is None else request.spool.digest("SHA256").hex()
    if said is not None and said != found:
        raise words.wrong_body(said, found)
    return found


def check_chunks(request: Request, claim: Claim, key: hmac.HMAC, words: Words) -> None:
    """Raises AwsError for a chunk, or trailing headers, that were not signed one behind the other."""
    kind = request.headers.get("x-amz-content-sha256", "")
    if claim.service != "s3" or kind not in (_SIGNED, _SIGNED_TRAILER):
        return
    head = f"{claim.date}\n{claim.scope}"
    if request.spool is not None:
        previous = _check_marks(request.spool.chunk_marks, claim.signature, head, key, words)
        if kind == _SIGNED_TRAILER:
            _check_trailer(request.spool.trailer_bytes, f"{head}\n{previous}", key, words)
        return
    previous, at = claim.signature, 0
    while True:
        chunk = aws_chunked.chunk(request.body, at)
        text = f"{ALGORITHM}-PAYLOAD\n{head}\n{previous}\n{_NOTHING}\n{_digest(chunk.data)}"
        previous = _require(key, text, chunk.signature, words)
        at = chunk.end
        if not chunk.data:
            break
    if kind == _SIGNED_TRAILER:
        _check_trailer(request.body[at:], f"{head}\n{previous}", key, words)


def _check_marks(marks: bytes, previous: str, head: str, key: hmac.HMAC, words: Words) -> str:
    """The same of a body whose chunks were hashed while they came; the last signature."""
    if not marks:
        raise words.wrong_chunk()
    for at in range(0, len(marks), 96):
        signature, digest = marks[at : at + 64].decode("latin-1").rstrip(), marks[at + 64 : at + 96].hex()
        previous = _require(key, f"{ALGORITHM}-PAYLOAD\n{head}\n{previous}\n{_NOTHING}\n{digest}", signature, words)
    return previous


def _check_trailer(tail: bytes, head: str, key: hmac.HMAC, words: Words) -> None:
    lines = [line for line in tail.split(b"\r\n") if line]
    given = [line for line in lines if line.lower().startswith(_TRAILER_SIGNATURE)]
    signature = given[0].partition(b":")[2].strip().decode("latin-1") if given else ""
    headers = b"".join(line + b"\n" for line in lines if line not in given)
    _require(key, f"{ALGORITHM}-TRAILER\n{head}\n{_digest(headers)}", signature, words)


def _require(key: hmac.HMAC, text: str, signature: str, words: Words) -> str:
    wanted = sigv4.sign(key, text)
    if not hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "replace")):
        raise words.wrong_chunk()
    return wanted


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
