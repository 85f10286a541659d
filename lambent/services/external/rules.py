"""Which ARNs lie elsewhere, and how they are reached: the file that the setting `external` names.

[[external]]
arn = "arn:aws:sqs:eu-west-1:123456789012:orders-*"   # * and ? as in policies
profile = "production"                                # of ~/.aws; without one: botocore's usual places

[[external]]
arn = "arn:aws:s3:::backups"
endpoint = "https://minio.example.com:9000"           # without one: AWS's own
region = "us-east-1"                                  # where the ARN names none
access_key_id = "…"
secret_access_key = "…"
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from lambent.errors import SettingError

SERVICES = ("events", "lambda", "s3", "sns", "sqs")
_KEYS = ("access_key_id", "secret_access_key", "session_token")


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One [[external]]."""

    arn: str  # a pattern
    endpoint: str = ""
    profile: str = ""
    region: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""
    session_token: str = ""

    def __repr__(self) -> str:
        return f"<Rule {self}>"

    def __str__(self) -> str:
        """For people: never the keys."""
        credentials = (
            f"profile {self.profile}"
            if self.profile
            else ("its own keys" if self.access_key_id else "the usual credentials")
        )
        return f"{self.arn} at {self.endpoint or 'AWS'} with {credentials}"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    external: tuple[Rule, ...] = ()


class Rules:
    """The first that fits is obeyed."""

    def __init__(self, rules: tuple[Rule, ...] = ()) -> None:
        self._rules = rules

    def __repr__(self) -> str:
        return f"<Rules {self._rules}>"

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules)

    def of(self, arn: str) -> Rule | None:
        """None for what is here."""
        for rule in self._rules:
            if fnmatchcase(arn, rule.arn):
                return rule
        return None


def load(file: str) -> Rules:
    """An empty name is no file. Raises SettingError, which says what is wrong with it."""
    if not file:
        return Rules()
    try:
        found = msgspec.toml.decode(Path(file).read_bytes(), type=_File)
    except OSError as error:
        raise SettingError(f"external: cannot read {file}: {error.strerror}") from error
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"external: {file}: {error}") from error
    for rule in found.external:
        wrong = _wrong(rule)
        if wrong:
            raise SettingError(f"external: {file}: {rule.arn!r} {wrong}")
    return Rules(found.external)


def _wrong(rule: Rule) -> str:
    """What is wrong with it, or ""."""
    parts = rule.arn.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or parts[2] not in SERVICES or "[" in rule.arn:
        return f"is no ARN of one of these services, in which * and ? may stand: {', '.join(SERVICES)}"
    if rule.endpoint and (
        urlsplit(rule.endpoint).scheme not in ("http", "https") or not urlsplit(rule.endpoint).netloc
    ):
        return f"has an endpoint that is no URL like https://host:9000: {rule.endpoint!r}"
    if bool(rule.access_key_id) != bool(rule.secret_access_key):
        return "needs access_key_id and secret_access_key together"
    if rule.profile and any(getattr(rule, name) for name in _KEYS):
        return "has a profile and keys: leave one of them out"
    return ""
