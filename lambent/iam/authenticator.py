"""Who sends a request: its signature checked where the key is known, believed or refused where it is not.

Cases, in order:
 1. a key of `lambent keys`, or temporary credentials of ours: the signature is checked, always;
 2. any other key, or none, while authentication is required: refused;
 3. otherwise whoever the request claims to be, unproved: a 12-digit access key is the account, and any other means the
    server's own.
"""

import hmac
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from lambent.clock import Clock
from lambent.errors import AwsError
from lambent.iam import claim, payload, sigv4
from lambent.iam.claim import Claim
from lambent.iam.credentials import Mint
from lambent.iam.keys import Keyring
from lambent.iam.refusals import OF_S3, WINDOW_S, Words, words_of
from lambent.principal import NOBODY, Principal, root_of
from lambent.settings import Settings
from lambent.wire import recognise
from lambent.wire.http import Request
from lambent.wire.recognise import Sender
from lambent.wire.services import profile

MOST_REMEMBERED = 10_000  # access keys that were believed, and signing keys; both come from callers


class Known(NamedTuple):
    """Whose a key is, and what it signs with."""

    principal: Principal
    secret: str
    expires: float = math.inf  # epoch seconds of the product's clock


class Authenticator:
    """`identify` is what the Wire asks of each request. State: `_believed`, `_sessions` and `_signing`, which only
    save work."""

    def __init__(self, settings: Settings, keys: Keyring, mint: Mint, clock: Clock, now: Callable[[], float]) -> None:
        """`clock` is the product's, by which credentials expire; `now` tells the real time (epoch seconds), by which
        clients date their signatures.
        """
        self.required = settings.auth
        self.opens: Callable[[Request], bool] = lambda request: False  # what pages may ask for unproved
        self.keys = keys
        self.mint = mint
        self._account = settings.account
        self._clock = clock
        self._now = now
        self._believed: dict[str, Principal] = {}  # by access key: case 3
        self._sessions: dict[str, Known] = {}  # by token: those that were opened, which never changes
        self._signing: dict[tuple[str, str], hmac.HMAC] = {}  # keys of a day, by secret and scope

    def identify(self, request: Request, who: Sender) -> Principal:
        """Who sends this request. Raises AwsError, in the words of the service that was asked, for whom it does not
        believe. Proven principals say so (`proven`).
        """
        believed = self._believed.get(who.access_key)
        if believed is not None and "origin" not in request.headers:
            return believed
        found = self._look(request, who, recognise.service(request, who.scope))
        if not found.proven and not self.opens(request):
            refuse_page(request)
        return found

    def signer(self, request: Request, service: str = "lambda") -> Principal:
        """Who signed a request for `service` that is no API call (function URLs, Lambent's own doors): NOBODY if it is
        not signed, otherwise as `identify`.
        """
        who = recognise.sender(request)
        if not who.access_key:
            return NOBODY
        return self._believed.get(who.access_key) or self._look(request, who, service)

    def admits(self, head: Request) -> bool:
        """Before the body of an S3 request comes: could it be believed? Strangers must not fill the disk. What is
        signed of a body there is a hash or a word in a header, so that nothing of it is needed yet.
        """
        if not self.required:
            return True
        who, words = recognise.sender(head), words_of(head, "s3")
        try:
            known, said = self._known(who.access_key, claim.token_of(head), words), claim.of(head, words)
            if known is None or (said.access_key, said.service) != (who.access_key, "s3"):
                return False
            body = head.headers.get("x-amz-content-sha256", sigv4.UNSIGNED)
            self._compare(head, said, known.secret, words, body)
        except AwsError:
            return False
        return True

    def of_form(self, request: Request, fields: Mapping[str, str]) -> tuple[Sender, Principal]:
        """Who has signed the policy of a form that a browser posts to S3; `fields` by names in lower case."""
        who = recognise.form_sender(fields)
        known = self._known(who.access_key, fields.get("x-amz-security-token", ""), OF_S3)
        if known is None:
            if self.required:
                raise self._unknown_form(who, fields)
            if not self.opens(request):
                refuse_page(request)
            return who, self._believe(who)
        said = claim.of_form(fields, OF_S3)
        if said.service != "s3":
            raise OF_S3.other_service("s3")
        # When it ends is in the policy, which is what is signed: its date is not looked at.
        signature = sigv4.sign(self._key(known.secret, said.scope), fields["policy"])
        if not hmac.compare_digest(signature.encode(), said.signature.encode("utf-8", "replace")):
            raise OF_S3.mismatch("", fields["policy"])
        return who, known.principal

    def _unknown_form(self, who: Sender, fields: Mapping[str, str]) -> AwsError:
        if not who.access_key and "policy" not in fields:
            return OF_S3.missing()
        claim.of_form(fields, OF_S3)
        return OF_S3.unknown()

    def now(self) -> float:
        """The real time, by which clients date what they sign (epoch seconds)."""
        return self._now()

    def forget(self, access_key: str) -> None:
        """This key is a known one from now on, or no longer."""
        self._believed.pop(access_key, None)

    def _look(self, request: Request, who: Sender, service: str) -> Principal:
        words = words_of(request, service)
        known = self._known(who.access_key, claim.token_of(request), words)
        if known is None:
            if _is_open(request, who):
                return NOBODY
            if self.required:
                self._refuse(request, who, words)
            return self._believe(who)
        said = claim.of(request, words)
        if said.access_key != who.access_key:
            raise words.unknown()
        if said.service != profile(service).scope:
            raise words.other_service(profile(service).scope)
        self._check(request, said, known.secret, words)
        return known.principal

    def _refuse(self, request: Request, who: Sender, words: Words) -> None:
        """Raises what AWS says of a request that nobody known has signed."""
        if "AWSAccessKeyId=" in request.query:
            raise words.unsupported("AWS")  # version 2, which boto3 still presigns S3's URLs with unless it is told
        if not who.access_key and "authorization" not in request.headers:
            raise words.missing()
        claim.of(request, words)
        raise words.unknown()

    def _believe(self, who: Sender) -> Principal:
        account = who.account or self._account
        if len(self._believed) >= MOST_REMEMBERED:
            self._believed.clear()
        found = self._believed[who.access_key] = root_of(account, who.access_key)
        return found

    def _known(self, access_key: str, token: str, words: Words) -> Known | None:
        """What is known of the sender's key. Raises AwsError for temporary credentials of ours that do not hold."""
        key = self.keys.get(access_key)
        if key is not None:
            if token:
                raise words.unknown()
            return Known(key.principal, key.secret)
        if token not in self._sessions and not self.mint.is_ours(access_key):
            return None
        found = self._sessions.get(token) or self._opened(token)
        if found is None or found.principal.access_key != access_key:
            raise words.unknown()
        if found.expires <= self._clock.epoch():
            raise words.expired()
        return found

    def _opened(self, token: str) -> Known | None:
        session = self.mint.open(token)
        if session is None:
            return None
        if len(self._sessions) >= MOST_REMEMBERED:
            self._sessions.clear()
        found = self._sessions[token] = Known(session.principal, self.mint.secret_of(token), session.expires)
        return found

    def _check(self, request: Request, said: Claim, secret: str, words: Words) -> None:
        """Raises AwsError for a signature that is not what it should be, or not of now."""
        self._compare(request, said, secret, words, payload.hash_of(request, said, words))
        payload.check_chunks(request, said, self._key(secret, said.scope), words)

    def _compare(self, request: Request, said: Claim, secret: str, words: Words, body: str) -> None:
        """The same for a body of which nothing is known but its hash, or the word in place of one."""
        _check_headers(request, said, words)
        self._check_date(said, words)
        computed = sigv4.compute(request, said, body)
        signature = sigv4.sign(self._key(secret, said.scope), computed.to_sign)
        if not hmac.compare_digest(signature.encode(), said.signature.encode("utf-8", "replace")):
            raise words.mismatch(computed.canonical, computed.to_sign)

    def _check_date(self, said: Claim, words: Words) -> None:
        now = self._now()
        if said.at > now + WINDOW_S:
            raise words.too_new(said.date, now)
        if said.expires_s is not None:
            if said.at + said.expires_s < now:
                raise words.url_too_old(said.date, now, said.expires_s)
        elif said.at < now - WINDOW_S:
            raise words.too_old(said.date, now)

    def _key(self, secret: str, scope: str) -> hmac.HMAC:
        key = self._signing.get((secret, scope))
        if key is None:
            if len(self._signing) >= MOST_REMEMBERED:
                self._signing.clear()
            key = self._signing[secret, scope] = sigv4.signing_key(secret, scope)
        return key


def _check_headers(request: Request, said: Claim, words: Words) -> None:
    """What decides over a request must be signed with it."""
    signed = set(said.headers)
    if "host" not in signed:
        raise words.unsigned_header("host")
    for name in request.headers:
        if name.startswith("x-amz-") and name not in signed:
            raise words.unsigned_header(name)


def refuse_page(request: Request) -> None:
    """Raises AwsError for what a web page sends from the browser of somebody who knows nothing of it; nobody has to
    believe that. Browsers say where a page is from whenever it sends anything but a GET, or asks elsewhere.
    """
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        message = f"A request of the web page {origin} must be signed by a key that this server knows."
        raise AwsError(message, code="AccessDeniedException", status=403)


def _is_open(request: Request, who: Sender) -> bool:
    """What SNS lets anybody do who has got the link: its token, or the id in the ARN, is the proof."""
    links = ("Action=ConfirmSubscription&Version=2010-03-31&", "Action=Unsubscribe&Version=2010-03-31&")
    return not who.access_key and request.method == "GET" and request.query.startswith(links)
