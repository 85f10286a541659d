"""Forms of browsers that bring a file (`multipart/form-data`, RFC 7578), read as they come.

The library finds the parts; here are the limits, and what of it is the file: all fields come before it, as S3 asks.
"""

from collections.abc import Callable, Iterator

import multipart

from lambent.errors import AwsError
from lambent.wire.faults import malformed_post

MOST_FIELDS = 20_480  # bytes before the file (S3, "POST Object": "The form can be up to 20 KB")
FILE = "file"


class FormReader:
    """`feed` gives the bytes of the file. `fields`, by their names in lower case, and `filename` hold from its first
    byte on; `begin` is called with this reader then, and may refuse the rest.
    """

    def __init__(self, content_type: str, begin: Callable[["FormReader"], None] | None = None) -> None:
        """Raises AwsError for a header that names no boundary."""
        self.fields: dict[str, str] = {}
        self.filename = ""
        self.most: int | None = None  # bytes that the file may have
        self.has_file = False
        self._begin = begin
        self._size = 0  # of the fields; then of the file
        self._name = ""
        self._value: bytearray | None = None  # of the field that is being read; None: it is the file, or behind it
        try:
            _, options = multipart.parse_options_header(content_type)
            self._parser = multipart.PushMultipartParser(options.get("boundary", ""), max_segment_count=1000)
        except (multipart.MultipartError, UnicodeError):
            raise malformed_post() from None

    def __repr__(self) -> str:
        return f"<FormReader {len(self.fields)} fields{' and a file' if self.has_file else ''}>"

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Raises AwsError for what is no form, or one that is refused."""
        try:
            for event in self._parser.parse(piece) if piece else ():
                if isinstance(event, multipart.MultipartSegment):
                    self._open(event)
                elif event is None:
                    self._close()
                elif self._value is not None:
                    self._count(len(event))
                    self._value += event
                elif self._name == FILE:
                    self._measure(len(event))
                    yield event
        except (multipart.MultipartError, UnicodeError):
            raise malformed_post() from None

    def end(self) -> None:
        """Nothing more comes. Raises AwsError for a form that is not whole."""
        try:
            self._parser.close()
        except multipart.MultipartError:
            raise malformed_post() from None

    def _open(self, part: multipart.MultipartSegment) -> None:
        if self.has_file:
            self._name, self._value = "", None  # S3 does not look at what comes behind the file
            return
        self._name = (part.name or "").lower()
        if self._name != FILE:
            self._count(len(self._name.encode()))
            self._value = bytearray()
            return
        self.has_file, self._size = True, 0
        # Some browsers send the path; only what follows its last slash counts ("POST Object").
        self.filename = (part.filename or "").replace("\\", "/").rpartition("/")[2]
        if self._begin is not None:
            self._begin(self)

    def _close(self) -> None:
        if self._value is not None:
            self.fields[self._name] = self._value.decode()
        self._name, self._value = "", None

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > MOST_FIELDS:
            message = "Your POST request fields preceding the upload file were too large."
            raise AwsError(
                message, code="MaxPostPreDataLengthExceeded", status=400, MaxPostPreDataLengthBytes=MOST_FIELDS
            )  # fmt: skip

    def _measure(self, size: int) -> None:
        self._size += size
        if self.most is not None and self._size > self.most:
            raise too_large(self._size, self.most)


def too_large(size: int, most: int) -> AwsError:
    message = "Your proposed upload exceeds the maximum allowed size"
    return AwsError(message, code="EntityTooLarge", status=400, ProposedSize=size, MaxSizeAllowed=most)
