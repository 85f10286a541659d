"""When objects, versions and uploads come to the end that their bucket's rules set: decisions without I/O or clock.

Source: S3 User Guide, "Lifecycle configuration elements" and "How S3 Lifecycle interacts with …".
"""

import math
from collections.abc import Mapping
from typing import Any

from lambent.errors import AwsError, NotImplementedYet
from lambent.services.s3 import errors
from lambent.services.s3.nouns import Stored

DAY_S = 86_400.0
MOST_RULES = 1000
Rule = Mapping[str, Any]


def checked(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rules as they are kept. Raises MalformedXML, InvalidRequest, InvalidArgument, NotImplementedYet."""
    if not 0 < len(given) <= MOST_RULES:
        raise errors.malformed_xml()
    rules = [_checked(rule, number) for number, rule in enumerate(given, 1)]
    if len({rule["ID"] for rule in rules}) != len(rules):
        raise errors.invalid_argument("Rule ID must be unique. Found same ID for more than one rule", "ID", "")
    return rules


def _checked(rule: dict[str, Any], number: int) -> dict[str, Any]:
    for name in ("Transitions", "NoncurrentVersionTransitions"):
        if rule.get(name):
            raise NotImplementedYet(f"{name} of a lifecycle rule: S3 has no archive here that an object could go to.")
    ends = ("Expiration", "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload")
    if rule.get("Status") not in ("Enabled", "Disabled") or not any(rule.get(name) for name in ends):
        raise errors.malformed_xml()
    if "Filter" in rule and "Prefix" in rule:
        raise errors.malformed_xml()
    expiration = rule.get("Expiration") or {}
    if len(expiration) > 1:
        raise errors.malformed_xml()
    days = [
        expiration.get("Days"), (rule.get("NoncurrentVersionExpiration") or {}).get("NoncurrentDays"),
        (rule.get("AbortIncompleteMultipartUpload") or {}).get("DaysAfterInitiation"),
    ]  # fmt: skip
    if any(each is not None and each <= 0 for each in days):
        message = "'Days' for Expiration action must be a positive integer"
        raise AwsError(message, code="InvalidArgument", status=400)
    date = expiration.get("Date")
    kept = {**rule, "ID": rule.get("ID") or f"rule-{number}"}
    return kept if date is None else {**kept, "Expiration": {"Date": date.timestamp()}}


def fits(rule: Rule, key: str, size: int | None = None, tags: Mapping[str, str] | None = None) -> bool:
    """Whether a rule is for that. An upload has no size and no tags yet, so rules that ask for them are not for it."""
    if rule["Status"] != "Enabled":
        return False
    asked = rule.get("Filter") or {"Prefix": rule.get("Prefix") or ""}
    every = {**asked, **(asked.get("And") or {})}
    wanted = [*(every.get("Tags") or []), *([every["Tag"]] if every.get("Tag") else [])]
    greater, less = every.get("ObjectSizeGreaterThan"), every.get("ObjectSizeLessThan")
    if (wanted or greater is not None or less is not None) and size is None:
        return False
    return (
        key.startswith(every.get("Prefix") or "")
        and all((tags or {}).get(each["Key"]) == each["Value"] for each in wanted)
        and (greater is None or size is None or size > greater)
        and (less is None or size is None or size < less)
    )


def _over(since: float, days: int, now: float) -> bool:
    """So many days, rounded up to the next midnight (UTC), as S3 counts them."""
    return now >= math.ceil((since + days * DAY_S) / DAY_S) * DAY_S


def expires(rules: list[Any], found: Stored, now: float) -> bool:
    """Whether a current object has come to its end."""
    for rule in rules:
        expiration = rule.get("Expiration") or {}
        if not expiration or not fits(rule, found.key, found.size, found.about.tags):
            continue
        if "Days" in expiration and _over(found.modified, expiration["Days"], now):
            return True
        if "Date" in expiration and now >= expiration["Date"]:
            return True
    return False


def is_lonely_marker(rules: list[Any], found: Stored, now: float) -> bool:
    """Whether a delete marker under which there is nothing any more goes, too."""
    for rule in rules:
        expiration = rule.get("Expiration") or {}
        if not fits(rule, found.key, 0, {}):
            continue
        if expiration.get("ExpiredObjectDeleteMarker"):
            return True
        if "Days" in expiration and _over(found.modified, expiration["Days"], now):
            return True
    return False


def is_outlived(rules: list[Any], found: Stored, newer: tuple[float, int], now: float) -> bool:
    """Whether a version that is not current goes. `newer`: when the next one came, and how many others that are not
    current are younger."""
    for rule in rules:
        asked = rule.get("NoncurrentVersionExpiration") or {}
        if not asked or not fits(rule, found.key, found.size, found.about.tags):
            continue
        since, kept = newer
        if _over(since, asked.get("NoncurrentDays") or 1, now) and kept >= (asked.get("NewerNoncurrentVersions") or 0):
            return True
    return False


def is_abandoned(rules: list[Any], key: str, begun: float, now: float) -> bool:
    """Whether an upload is aborted."""
    return any(
        _over(begun, rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"], now)
        for rule in rules
        if rule.get("AbortIncompleteMultipartUpload") and fits(rule, key)
    )
