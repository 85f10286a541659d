"""Every setting, in one table: flags, file, environment, `lambent up --help` and the docs all come from it.

Later wins: the default here, the file (`--config`, TOML), the environment (`LAMBENT_<NAME>`), the flag (`--<name>`).
"""

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from lambent.errors import SettingError

_ACCESS_POINT = (
    r"arn:aws[a-zA-Z-]*:elasticfilesystem:[a-z0-9-]+:\d{12}:access-point/fsap-[a-f0-9]{17}"
    r"|arn:aws[-a-z]*:s3files:[0-9a-z:-]+:file-system/fs-[0-9a-f]{17,40}/access-point/fsap-[0-9a-f]{17,40}"
)  # as in the service model


class Setting(NamedTuple):
    """One row of the table. The type of the default is the type of the setting."""

    name: str
    default: Any
    help: str


TABLE: tuple[Setting, ...] = (
    Setting("host", "127.0.0.1", "address to listen on; beyond loopback only with authentication on"),
    Setting("port", 4566, "port to listen on; 0 takes a free one"),
    Setting("data", "", "directory that keeps state; empty: ~/.local/share/lambent, or /var/lib/lambent for root"),
    Setting("auth", False, "check the signature of every request against the keys of `lambent keys`; refuse others"),
    Setting("region", "us-east-1", "region of requests that name none"),
    Setting("account", "000000000000", "account of requests whose access key is not itself a 12-digit account id"),
    Setting("organization", "", "id (o-…) of the AWS organization that all accounts here belong to; empty: to none"),
    Setting("block_public_policies", False, "refuse resource policies of functions that would let everybody in"),
    Setting(
        "isolation", "auto", "full, userns or process, refused where impossible; auto: the strongest that works here"
    ),
    Setting("runtime_fallback", False, "run a missing runtime on the nearest installed one (loud; AWS would not)"),
    Setting("concurrency", 1000, "concurrent executions of an account in a region; beyond it callers get 429"),
    Setting("sandboxes", 1000, "most sandboxes alive on this node"),
    Setting("husks", 4, "parked, ready environments kept for each runtime in use"),
    Setting("idle_expiry_s", 600, "seconds after which an idle sandbox is stopped"),
    Setting("max_age_s", 14_400, "seconds after which a sandbox is replaced, though it is in use; 0: never"),
    Setting("freeze_after_ms", 100, "milliseconds after which an idle sandbox is frozen; 0: never"),
    Setting("memory_budget_mb", 0, "memory that sandboxes may fill before idle ones go; 0: 80 % of the machine's"),
    Setting("outbound", True, "functions reach what this machine reaches; without it only their own loopback"),
    Setting("network_range", "198.18.0.0/15", "IPv4 addresses that the sandboxes of this machine's servers may use"),
    Setting("network_blocked", "169.254.0.0/16", "destinations that no function reaches: ranges with commas between"),
    Setting("vpc_routed_subnets", "", "subnets of VpcConfig that have a route out, with commas between; others: none"),
    Setting("function_endpoint", True, "functions get AWS_ENDPOINT_URL, which leads their AWS clients back to Lambent"),
    Setting("url_base", "", "what function URLs end in, behind a proxy: https://lambda.example.com; empty: localhost"),
    Setting("clock", "real", "real, or virtual: for tests, time stands still until `lambent clock` moves it"),
    Setting("drain_s", 30, "seconds that running calls get to finish at shutdown"),
    Setting("keep_records_mb", 64, "disk space for the record of each invocation; the oldest go first"),
    Setting("keep_answers_mb", 256, "disk space for the answers of idempotency keys; beyond it no new keys are taken"),
    Setting("keep_journal_mb", 64, "disk space for what `lambent explain` tells beyond records; the oldest goes first"),
    Setting("keep_failed_events_days", 14, "days that failed events, and messages in the outbox, are kept"),
    Setting("keep_failed_events_mb", 1024, "disk space for failed events, and for the outbox; the oldest go first"),
    Setting("keep_logs_mb", 64, "disk space for the logs of each function; the oldest go first"),
    Setting("code_storage_mb", 76800, "code storage of an account in a region (AWS: 75 GB)"),
    Setting("code_buckets", "", "directory whose BUCKET/KEY answers for S3 where code is taken from; empty: no bucket"),
    Setting("external", "", "TOML file of queues, topics, buses and buckets that are elsewhere, and how to reach them"),
    Setting("file_systems", "", "directories that stand for access points: ARN=/a/directory, with commas between"),
    Setting("body_limit_mb", 67, "largest request body that is read at all (AWS: 70,167,211 bytes)"),
    Setting("quiet", False, "print only warnings and errors"),
)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings in force. Fields are the rows of TABLE, in its order; a test keeps the two alike."""

    host: str = "127.0.0.1"
    port: int = 4566
    data: str = ""
    auth: bool = False
    region: str = "us-east-1"
    account: str = "000000000000"
    organization: str = ""
    block_public_policies: bool = False
    isolation: str = "auto"
    runtime_fallback: bool = False
    concurrency: int = 1000
    sandboxes: int = 1000
    husks: int = 4
    idle_expiry_s: int = 600
    max_age_s: int = 14_400
    freeze_after_ms: int = 100
    memory_budget_mb: int = 0
    outbound: bool = True
    network_range: str = "198.18.0.0/15"
    network_blocked: str = "169.254.0.0/16"
    vpc_routed_subnets: str = ""
    function_endpoint: bool = True
    url_base: str = ""
    clock: str = "real"
    drain_s: int = 30
    keep_records_mb: int = 64
    keep_answers_mb: int = 256
    keep_journal_mb: int = 64
    keep_failed_events_days: int = 14
    keep_failed_events_mb: int = 1024
    keep_logs_mb: int = 64
    code_storage_mb: int = 76800
    code_buckets: str = ""
    external: str = ""
    file_systems: str = ""
    body_limit_mb: int = 67
    quiet: bool = False

    @property
    def access_points(self) -> dict[str, str]:
        """Directories that stand for access points of EFS and S3 Files, by ARN."""
        return access_points_in(self.file_systems)

    @property
    def data_dir(self) -> Path:
        return Path(self.data) if self.data else default_data_dir()


def default_data_dir() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/lambent")
    base = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return Path(base) / "lambent"


def load(flags: Mapping[str, Any], environ: Mapping[str, str], file: str | None = None) -> Settings:
    """The settings in force, from the flags given, the environment and the file.

    Raises SettingError, which names the setting, the value found and where it came from.
    """
    values: dict[str, Any] = {}
    for name, value in _from_file(file).items():
        values[name] = _parse(_row(name, f"the file {file}"), value, f"the file {file}")
    for row in TABLE:
        variable = f"LAMBENT_{row.name.upper()}"
        if variable in environ:
            values[row.name] = _parse(row, environ[variable], f"the environment variable {variable}")
    for name, value in flags.items():
        if value is not None:
            values[name] = _parse(_row(name, "the command line"), value, f"--{name.replace('_', '-')}")
    settings = Settings(**values)
    _check(settings)
    return settings


def _from_file(file: str | None) -> dict[str, Any]:
    if not file:
        return {}
    try:
        return tomllib.loads(Path(file).read_text())
    except OSError as error:
        raise SettingError(f"cannot read the settings file {file}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"the settings file {file} is not TOML: {error}") from error


def _row(name: str, where: str) -> Setting:
    for row in TABLE:
        if row.name == name.replace("-", "_"):
            return row
    known = ", ".join(row.name for row in TABLE)
    raise SettingError(f"there is no setting {name!r} (found in {where}); there are: {known}")


def _parse(row: Setting, value: Any, where: str) -> Any:
    wanted = type(row.default)
    if isinstance(value, wanted) and not (wanted is int and isinstance(value, bool)):
        return value
    if wanted is bool and str(value).lower() in ("1", "true", "yes", "on"):
        return True
    if wanted is bool and str(value).lower() in ("0", "false", "no", "off", ""):
        return False
    if wanted is int and isinstance(value, str) and value.strip().lstrip("-").isdigit():
        return int(value)
    raise SettingError(f"{row.name} must be {_describe(wanted)}; {where} says {value!r}")


def _describe(wanted: type) -> str:
    return {bool: "true or false", int: "a whole number", str: "text"}[wanted]


def names_in(text: str) -> tuple[str, ...]:
    """What stands between the commas of a setting."""
    return tuple(name for name in (part.strip() for part in text.split(",")) if name)


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def access_points_in(text: str) -> dict[str, str]:
    """ARNs and directories of ARN=/a/directory,ARN=/another. What is no such pair has an empty directory."""
    pairs = (each.partition("=") for each in names_in(text))
    return {arn.strip(): directory.strip() for arn, _, directory in pairs}


def _nested(directory: str, other: str) -> bool:
    """Is one of them in the other? What a function may write must hold nothing that is mounted by its name."""
    one, two = Path(directory).resolve(), Path(other).resolve()
    return one in two.parents or two in one.parents


def _check_file_systems(settings: Settings) -> None:
    data = settings.data_dir.absolute()
    for arn, directory in settings.access_points.items():
        if not re.fullmatch(_ACCESS_POINT, arn) or not directory.startswith("/"):
            raise SettingError(f"file_systems must be access points like ARN=/a/directory; found {arn}={directory}")
        if not os.path.isdir(directory) or os.path.islink(directory):
            raise SettingError(f"file_systems: {directory} is no directory (nor may it be a link to one)")
        if Path(directory).resolve() == data.resolve():
            raise SettingError(f"file_systems: {directory} is the data directory")
        for other in (str(data), *settings.access_points.values()):
            if _nested(directory, other):
                raise SettingError(f"file_systems: {directory} and {other} must lie apart")
        if os.geteuid() == 0 and os.stat(directory).st_uid == 0:
            raise SettingError(
                f"file_systems: {directory} belongs to root, as whom functions would write there; `chown` it to the "
                "user that the access point stands for"
            )


def _check(settings: Settings) -> None:
    """Refuse what cannot be obeyed before anything starts."""
    _check_network(settings)
    _check_file_systems(settings)
    if settings.isolation not in ("auto", "full", "userns", "process"):
        raise SettingError(f"isolation must be auto, full, userns or process; found {settings.isolation!r}")
    if settings.clock not in ("real", "virtual"):
        raise SettingError(f"clock must be real or virtual; found {settings.clock!r}")
    if not (settings.account.isdigit() and len(settings.account) == 12):
        raise SettingError(f"account must be 12 digits; found {settings.account!r}")
    if settings.organization and not re.fullmatch(r"o-[a-z0-9]{10,32}", settings.organization):
        raise SettingError(f"organization must be like o-a1b2c3d4e5; found {settings.organization!r}")
    if settings.url_base and not re.fullmatch(r"https?://[a-z0-9.-]+(?::\d{1,5})?/?", settings.url_base):
        raise SettingError(f"url_base must be like https://lambda.example.com; found {settings.url_base!r}")
    if not 0 <= settings.port <= 65535:
        raise SettingError(f"port must be 0 to 65535; found {settings.port}")
    if not settings.auth and not is_loopback(settings.host):
        raise SettingError(
            f"host {settings.host!r} is beyond loopback, which needs authentication: add --auth, or listen on 127.0.0.1"
        )
    for name in (
        "concurrency", "sandboxes", "keep_records_mb", "keep_answers_mb", "keep_journal_mb", "keep_logs_mb",
        "code_storage_mb", "body_limit_mb",
    ):  # fmt: skip
        if getattr(settings, name) < 1:
            raise SettingError(f"{name} must be at least 1; found {getattr(settings, name)}")
    for name in ("husks", "idle_expiry_s", "max_age_s", "freeze_after_ms", "memory_budget_mb", "drain_s"):
        if getattr(settings, name) < 0:
            raise SettingError(f"{name} must not be negative; found {getattr(settings, name)}")


def _check_network(settings: Settings) -> None:
    ranges = [("network_range", settings.network_range)]
    for name, text in [*ranges, *(("network_blocked", each) for each in names_in(settings.network_blocked))]:
        try:
            network = ipaddress.IPv4Network(text)
        except ValueError as error:
            raise SettingError(f"{name} must be IPv4 like 10.9.0.0/16; found {text!r}: {error}") from error
        if name == "network_range" and (not 8 <= network.prefixlen <= 28 or network.is_global):
            raise SettingError(f"network_range must be private, of 16 addresses or more; found {text!r}")
    for subnet in names_in(settings.vpc_routed_subnets):
        if not re.fullmatch("subnet-[0-9a-z]+", subnet):
            raise SettingError(f"vpc_routed_subnets must name subnets like subnet-0a1b; found {subnet!r}")
