"""What function URLs are called: https://URL-ID.lambda-url.REGION.DOMAIN/, and here also a path for clients that cannot
resolve such names. Text in, text out."""

import re
import secrets
import string
from typing import NamedTuple

from lambent.settings import Settings
from lambent.wire.http import Request

LABEL = ".lambda-url."
PREFIX = "/_lambent/url/"  # the path form: PREFIX + URL-ID + the path that the function sees
_HOST = re.compile(r"(?P<id>[a-z0-9-]{1,63})\.lambda-url\.(?P<region>[a-z0-9-]+)(?:\.[a-z0-9.-]*)?")
_ALPHABET = string.ascii_lowercase + string.digits
_SHORT = 20  # characters that the host of a function URL has at least; "127.0.0.1:4566" and its like have fewer
_ID_LENGTH = 32  # as on AWS, where an id comes of the account; here it is chance, and cannot be guessed


class Address(NamedTuple):
    """Which function URL a request is for, and which path of it."""

    url_id: str
    region: str  # "" in the path form, which does not name one
    path: str  # percent-encoded as the client sent it
    domain: str  # the host without its port, as the function is told it; "" in the path form
    port: str  # "" if the Host header names none


def new_id() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))


def is_meant(request: Request) -> bool:
    """Whether a request is for a function URL, of whatever name: the cheap look that every request gets."""
    host = request.headers.get("host", "")
    return (len(host) > _SHORT and LABEL in host.lower()) or request.path.startswith(PREFIX)


def address_of(request: Request) -> Address | None:
    """Which one it is for; None if the name is not one that a function URL could have."""
    host, port = split_port(request.headers.get("host", "").lower())
    found = _HOST.fullmatch(host)
    if found is not None:
        path = request.path if request.path.startswith("/") else "/"  # OPTIONS may ask about "*"
        return Address(found["id"], found["region"], path, host, port)
    if not request.path.startswith(PREFIX):
        return None
    url_id, _, rest = request.path.removeprefix(PREFIX).partition("/")
    return Address(url_id.lower(), "", f"/{rest}", "", port)


def url_of(url_id: str, region: str, settings: Settings, asked_host: str) -> str:
    """The FunctionUrl that the API shows, for a caller that reached the API as `asked_host`."""
    scheme, authority = base_of(settings, asked_host)
    return f"{scheme}://{url_id}{LABEL}{region}.{authority}/"


def domain_of(url_id: str, region: str, settings: Settings) -> str:
    """Its host without a port."""
    return f"{url_id}{LABEL}{region}.{split_port(base_of(settings, '')[1])[0]}"


def base_of(settings: Settings, asked_host: str) -> tuple[str, str]:
    """Scheme, and the host and port that all function URLs end in."""
    if settings.url_base:
        scheme, _, authority = settings.url_base.rstrip("/").partition("://")
        return scheme, authority
    port = split_port(asked_host)[1] if asked_host else str(settings.port)
    return "http", f"localhost:{port}" if port else "localhost"


def split_port(host: str) -> tuple[str, str]:
    """Host and port, "" if there is none; an IPv6 address keeps its brackets."""
    name, colon, port = host.rpartition(":")
    return (name, port) if colon and port.isdecimal() else (host, "")
