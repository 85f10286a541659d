"""Bodies signed piece by piece, against the examples with which AWS documents them.

S3 API reference, "Signature calculations for the Authorization header: Transferring payload in multiple chunks", and
"… including trailing headers".
"""

import datetime
import time
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from identity_samples import MASTER, MemoryKeys, guard, identify

from lambent.clock import FixedClock
from lambent.edge.spool import Spool
from lambent.errors import AwsError
from lambent.iam.keys import Keyring
from lambent.wire.http import Request

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # S3's examples have another than those of IAM
AT = datetime.datetime(2013, 5, 24, tzinfo=datetime.UTC).timestamp()
COMMON = {
    "host": "s3.amazonaws.com", "x-amz-date": "20130524T000000Z", "x-amz-storage-class": "REDUCED_REDUNDANCY",
    "content-encoding": "aws-chunked", "x-amz-decoded-content-length": "66560",
}  # fmt: skip
CHUNKS = (
    ("10000", "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648", 65536),
    ("400", "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497", 1024),
    ("0", "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9", 0),
)
TRAILING = (
    ("10000", "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2", 65536),
    ("400", "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7", 1024),
    ("0", "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992", 0),
)
TRAILER = b"x-amz-checksum-crc32c:sOO8/Q==\r\n"
TRAILER_SIGNATURE = b"d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"


def request(body: bytes, signature: str, **headers: str) -> Request:
    everything = COMMON | {name.replace("_", "-"): value for name, value in headers.items()}
    scope = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
    names = ";".join(sorted(everything))
    everything["authorization"] = f"AWS4-HMAC-SHA256 Credential={scope},SignedHeaders={names},Signature={signature}"
    return Request("PUT", "/examplebucket/chunkObject.txt", "", everything, body)


def framed(chunks: tuple[tuple[str, str, int], ...]) -> bytes:
    return b"".join(
        f"{size};chunk-signature={signature}\r\n".encode() + (b"a" * count + b"\r\n" if count else b"")
        for size, signature, count in chunks
    )


def plain(body: bytes = b"") -> Request:
    return request(
        body or framed(CHUNKS) + b"\r\n", "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        content_length="66824", x_amz_content_sha256="STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    )  # fmt: skip


def trailing(trailer: bytes = TRAILER, signature: bytes = TRAILER_SIGNATURE) -> Request:
    body = framed(TRAILING) + trailer + b"x-amz-trailer-signature:" + signature + b"\r\n\r\n"
    return request(
        body, "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
        x_amz_content_sha256="STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", x_amz_trailer="x-amz-checksum-crc32c",
    )  # fmt: skip


@pytest.fixture
async def authenticator():
    ring = Keyring(MemoryKeys(), MASTER)  # type: ignore[arg-type]
    await ring.add("111122223333", "", 0.0, access_key="AKIAIOSFODNN7EXAMPLE", secret=SECRET)
    return guard(ring, FixedClock(AT))


async def test_the_example_of_a_chunked_body_is_believed(authenticator) -> None:
    assert identify(authenticator, plain()).account == "111122223333"


async def test_the_example_with_a_trailing_header_is_believed(authenticator) -> None:
    assert identify(authenticator, trailing()).account == "111122223333"


@pytest.mark.parametrize(
    "chunks",
    [
        (CHUNKS[1], CHUNKS[0], CHUNKS[2]),
        (CHUNKS[0], CHUNKS[2]),
        (("10000", "0" * 64, 65536), *CHUNKS[1:]),
        (("10000", "", 65536), *CHUNKS[1:]),
        (*CHUNKS[:2], ("0", "0" * 64, 0)),
    ],
    ids=["in another order", "one is missing", "a wrong signature", "no signature", "a wrong end"],
)
async def test_a_chunk_that_was_not_signed_behind_the_one_before_is_refused(authenticator, chunks) -> None:
    with pytest.raises(AwsError) as caught:
        identify(authenticator, plain(framed(chunks) + b"\r\n"))

    assert (caught.value.code, caught.value.status) == ("SignatureDoesNotMatch", 403)


async def test_data_that_were_changed_on_the_way_are_refused(authenticator) -> None:
    with pytest.raises(AwsError, match="chunk signature"):
        identify(authenticator, plain(framed(CHUNKS).replace(b"\r\na", b"\r\nb") + b"\r\n"))


async def test_a_body_that_ends_in_the_middle_is_refused(authenticator) -> None:
    with pytest.raises(AwsError) as caught:
        identify(authenticator, plain(framed(CHUNKS)[:60_000]))

    assert caught.value.code == "IncompleteBody"


@pytest.mark.parametrize(
    ("trailer", "signature"), [(b"x-amz-checksum-crc32c:AAAAAA==\r\n", TRAILER_SIGNATURE), (TRAILER, b"0" * 64)]
)
async def test_a_trailing_header_that_was_not_signed_is_refused(authenticator, trailer, signature) -> None:
    with pytest.raises(AwsError, match="chunk signature"):
        identify(authenticator, trailing(trailer, signature))


async def test_unsigned_chunks_are_taken_where_the_signed_headers_say_so(authenticator) -> None:
    """As botocore sends an upload with a checksum over TLS: the headers are signed, the body is not."""
    asked = AWSRequest("PUT", "https://localhost:4566/b/k", headers={"Host": "localhost:4566"})
    asked.context["checksum"] = {"request_algorithm": {"algorithm": "crc32", "in": "trailer", "name": "x"}}
    S3SigV4Auth(Credentials("AKIAIOSFODNN7EXAMPLE", SECRET), "s3", "us-east-1").add_auth(asked)
    headers = {name.lower(): value for name, value in asked.headers.items()}
    body = b"4\r\ndata\r\n0\r\nx-amz-checksum-crc32:rfPzYw==\r\n\r\n"

    assert headers["x-amz-content-sha256"] == "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    now = time.time()
    guarded = guard(authenticator.keys, FixedClock(now))
    assert identify(guarded, Request("PUT", "/b/k", "", headers, body)).account == "111122223333"


async def spooled(request: Request, directory, step: int) -> Request:
    """The same request with its body on disk, as the edge hands on large ones."""
    with ThreadPoolExecutor(1) as pool:
        spool = Spool(directory, pool, algorithms=frozenset(), chunked=True, signed=True)
        for at in range(0, len(request.body), step):
            spool.feed(request.body[at : at + step])
        spool.end()
        await spool.settled()
    return msgspec.structs.replace(request, body=b"", spool=spool)


@pytest.mark.parametrize("step", [100, 70_000])
@pytest.mark.parametrize("make", [plain, trailing])
async def test_the_examples_are_believed_of_bodies_on_disk_too(authenticator, tmp_path, make, step) -> None:
    request = await spooled(make(), tmp_path, step)
    assert identify(authenticator, request).account == "111122223333"
    request.spool.discard()


@pytest.mark.parametrize(
    "make",
    [
        lambda: plain(framed((CHUNKS[0], ("400", "0" * 64, 1024), CHUNKS[2])) + b"\r\n"),
        lambda: plain(framed((CHUNKS[0], CHUNKS[2])) + b"\r\n"),
        lambda: trailing(trailer=b"x-amz-checksum-crc32c:AAAAAA==\r\n"),
        lambda: trailing(signature=b"0" * 64),
    ],
)
async def test_a_body_on_disk_with_a_wrong_chunk_is_refused(authenticator, tmp_path, make) -> None:
    request = await spooled(make(), tmp_path, 10_000)
    with pytest.raises(AwsError, match="chunk signature"):
        identify(authenticator, request)
    request.spool.discard()
