"""Sign zips for functions with a code signing configuration, and say whose signatures the server believes.

`create NAME` makes a profile version: its key stays in a file of yours (--key), the server gets the certificate. `sign
ZIP` needs the key only, and no server. `trust ARN CERTIFICATES.pem` believes signatures made elsewhere, for example by
AWS Signer. `revoke ARN` ends the trust in a profile version or a signing job, for ever.
"""

import argparse
import datetime
import json
import os
from pathlib import Path
from typing import Any

from lambent.cli.endpoint import CommandFailed, Endpoint, add_endpoint, endpoint_of
from lambent.cli.output import table

POSITIONAL = "[list | create NAME | sign ZIP | trust ARN CERTIFICATES.pem | revoke ARN]"
EXAMPLES = (
    "lambent signing create release --key release.pem",
    "lambent signing sign app.zip --key release.pem --output app-signed.zip",
    "lambent signing",
    "lambent signing trust arn:aws:signer:eu-west-1:111122223333:/signing-profiles/team/Ab3dEf6hIj anchors.pem",
    "lambent signing revoke arn:aws:signer:eu-west-1:111122223333:/signing-profiles/release/Ab3dEf6hIj",
)
DAYS = 4050  # 135 months, which is AWS Signer's longest

_PATH = "/_lambent/signing"
_WORDS = {"list": 0, "create": 1, "sign": 1, "trust": 2, "revoke": 1}


def arguments(parser: argparse.ArgumentParser) -> None:
    add_endpoint(parser)
    parser.add_argument("--json", action="store_true", help="print the server's own document")
    parser.add_argument("--key", metavar="FILE", type=Path, help="file with the key of a profile: made, or signed with")
    parser.add_argument(
        "--output", metavar="FILE", type=Path, help="signed zip (default: ZIP with -signed in its name)"
    )
    parser.add_argument("--days", type=int, default=DAYS, help=f"how long keys and signatures hold (default: {DAYS})")
    parser.add_argument("action", nargs="?", choices=tuple(_WORDS), default="list", help="(default: list)")
    parser.add_argument("words", nargs="*", metavar="WORD", help="what the action is about")


def run(args: argparse.Namespace) -> int:
    if len(args.words) != _WORDS[args.action]:
        raise CommandFailed(f"`lambent signing {args.action}` takes other words: {POSITIONAL}")
    if args.action in ("create", "sign") and not args.key:
        raise CommandFailed(f"`lambent signing {args.action}` needs --key FILE")
    if not 1 <= args.days <= DAYS:
        raise CommandFailed(f"--days is from 1 to {DAYS}")
    if args.action == "sign":
        return _sign(args)
    endpoint = endpoint_of(args)
    if args.action == "list":
        found = endpoint.document(_PATH)
        print(json.dumps(found, indent=2) if args.json else describe(found))
    elif args.action == "create":
        _create(endpoint, args)
    elif args.action == "trust":
        arn, certificates = args.words
        endpoint.ask("POST", _PATH, {"arn": arn, "certificates": _read(Path(certificates)).decode(errors="replace")})
        print(f"signatures of {arn} are believed")
    else:
        endpoint.ask("POST", f"{_PATH}/revocations", {"arn": args.words[0]})
        print(f"{args.words[0]} is revoked")
    return 0


def describe(found: dict[str, Any]) -> str:
    """The list for people: one profile version a line, then single jobs that are revoked."""
    profiles = found["profiles"]
    known = {each["arn"] for each in profiles}
    rows = [
        (each["arn"], "here" if each["made_here"] else "elsewhere", each["created"], each.get("revoked", ""))
        for each in profiles
    ]
    jobs = [f"{each['arn']} is revoked since {each['revoked']}" for each in found["revocations"]]
    others = [line for line in jobs if line.split(" ")[0] not in known]
    if not rows:
        return "\n".join(["no profiles; `lambent signing create NAME --key FILE` makes one", *others])
    return "\n".join([table(rows, ("PROFILE VERSION", "MADE", "SINCE", "REVOKED")), *others])


def _create(endpoint: Endpoint, args: argparse.Namespace) -> None:
    """The key is on disk before the server knows of it: there is no other copy."""
    from lambent.signing import profiles  # late: it loads cryptography

    server = endpoint.document(_PATH)
    try:
        arn = profiles.new_arn(args.words[0], server["account"], server["region"])
    except ValueError as error:
        raise CommandFailed(str(error)) from None
    profile = profiles.make(arn, _now(), args.days)
    pem = profiles.to_pem(profile)
    try:
        with open(os.open(args.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
    except OSError as error:
        raise CommandFailed(f"cannot write {args.key}: {error.strerror}") from None
    try:
        endpoint.ask("POST", _PATH, {"arn": arn, "certificates": profiles.certificate_pem(profile), "own": True})
    except CommandFailed:
        args.key.unlink()
        raise
    print(arn)
    print(f"its key is in {args.key}: keep it, and keep it secret; `lambent signing sign ZIP --key {args.key}` uses it")


def _sign(args: argparse.Namespace) -> int:
    from lambent.signing import archives, profiles

    source = Path(args.words[0])
    target = args.output or source.with_name(f"{source.stem}-signed{source.suffix}")
    try:
        profile = profiles.from_pem(_read(args.key))
    except (ValueError, TypeError):
        raise CommandFailed(f"{args.key} is not a key that `lambent signing create` made") from None
    now = _now()
    if profile.certificate.not_valid_after_utc <= now:
        raise CommandFailed(f"the key in {args.key} may sign no more since {profile.certificate.not_valid_after_utc}")
    try:
        signed, job = profiles.sign_zip(_read(source), profile, now, args.days)
    except archives.ArchiveRefused as error:
        raise CommandFailed(f"cannot sign {source}: {error}") from None
    try:
        target.write_bytes(signed)
    except OSError as error:
        raise CommandFailed(f"cannot write {target}: {error.strerror}") from None
    print(table([("signed", str(target)), ("profile", profile.arn), ("job", job)]))
    return 0


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandFailed(f"cannot read {path}: {error.strerror}") from None


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
