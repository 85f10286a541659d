"""What scales provisioned concurrency, and what was scaled: the only home of these rows."""

from functools import partial
from typing import Any, TypeVar

import msgspec

from lambent.arns import function_arn
from lambent.errors import ResourceNotFound
from lambent.store.database import Database, Transaction

KEEP_ACTIVITIES = 100  # of each qualifier
KEEP_ACTIVITIES_S = 42 * 86_400.0  # as long as on AWS

Key = tuple[str, str, str, str]  # account, region, name, qualifier
Row = TypeVar("Row", bound="OfQualifier")


class OfQualifier(msgspec.Struct, frozen=True, kw_only=True):
    """Whose it is."""

    account: str
    region: str
    name: str
    qualifier: str  # the number of a version, or an alias

    @property
    def key(self) -> Key:
        return self.account, self.region, self.name, self.qualifier


class ScalableTarget(OfQualifier, frozen=True, kw_only=True):
    """Provisioned concurrency that is scaled, and how far."""

    minimum: int  # environments
    maximum: int
    role: str
    in_suspended: bool = False
    out_suspended: bool = False
    schedule_suspended: bool = False
    id: str  # the last part of its ARN
    tags: dict[str, str] = {}
    created_at: float  # epoch seconds


class ScalingPolicy(OfQualifier, frozen=True, kw_only=True):
    """A target tracking policy, and when it last did something."""

    policy: str  # its name
    id: str
    tracking: dict[str, Any]  # TargetTrackingScalingPolicyConfiguration
    created_at: float
    out_at: float = 0.0  # when it last scaled out; 0: never
    out_from: int = 0  # and from how many
    in_at: float = 0.0


class ScheduledAction(OfQualifier, frozen=True, kw_only=True):
    """Bounds that are set when a schedule says so. Times are epoch seconds."""

    action: str  # its name
    id: str
    schedule: str
    timezone: str = ""
    start_at: float | None = None
    end_at: float | None = None
    minimum: int | None = None  # None: stays as it is
    maximum: int | None = None
    created_at: float
    next_at: float | None = None  # None: never again


class ScalingActivity(OfQualifier, frozen=True, kw_only=True):
    """Something that was set, or could not be."""

    id: str
    description: str
    cause: str
    began_at: float
    status: str  # Successful | Failed; as it is shown also InProgress
    message: str


class Scaling:
    """Reads are sync; what a write changed is on disk on return. All of it goes with its function, version or alias,
    and policies and scheduled actions go with their target."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def targets(self, account: str, region: str) -> list[ScalableTarget]:
        return self._rows(ScalableTarget, "scaling_target_of_account", account=account, region=region)

    def all_targets(self) -> dict[Key, ScalableTarget]:
        return {each.key: each for each in self._rows(ScalableTarget, "scaling_target_everywhere")}

    def target(self, key: Key) -> ScalableTarget | None:
        return next(iter(self._rows(ScalableTarget, "scaling_target_get", **_columns(key))), None)

    async def put_target(self, target: ScalableTarget) -> None:
        """Store one, or change it. Raises ResourceNotFound if its version or alias is gone."""
        await self._db.transaction(partial(_put, target=target))

    async def remove_target(self, key: Key) -> bool:
        """And with it its policies and scheduled actions; False if there was none."""
        return await self._db.write("scaling_target_remove", **_columns(key)) == 1

    def policies(self, account: str, region: str) -> list[ScalingPolicy]:
        return self._rows(ScalingPolicy, "scaling_policy_of_account", account=account, region=region)

    def has_policies(self) -> bool:
        row = self._db.first("scaling_policy_count")
        return bool(row and row["policies"])

    def all_policies(self) -> list[ScalingPolicy]:
        return self._rows(ScalingPolicy, "scaling_policy_everywhere")

    async def put_policy(self, policy: ScalingPolicy) -> None:
        """Store one, or change it. Raises ResourceNotFound if its target is gone."""
        await self._db.transaction(partial(_put_of_target, query="scaling_policy_put", row=policy))

    async def remove_policy(self, key: Key, policy: str) -> bool:
        return await self._db.write("scaling_policy_remove", **_columns(key), policy=policy) == 1

    def actions(self, account: str, region: str) -> list[ScheduledAction]:
        return self._rows(ScheduledAction, "scheduled_action_of_account", account=account, region=region)

    def due_actions(self, now: float) -> list[ScheduledAction]:
        """Those whose time has come, in the order in which it came."""
        found = self._rows(ScheduledAction, "scheduled_action_everywhere")
        return sorted((each for each in found if (each.next_at or now + 1) <= now), key=lambda each: each.next_at or 0)

    def first_due(self) -> float | None:
        """When (epoch seconds) the first scheduled action is due."""
        row = self._db.first("scheduled_action_first")
        return row["next_at"] if row else None

    async def put_action(self, action: ScheduledAction) -> None:
        """Store one, or change it. Raises ResourceNotFound if its target is gone."""
        await self._db.transaction(partial(_put_of_target, query="scheduled_action_put", row=action))

    async def action_done(self, action: ScheduledAction, next_at: float | None) -> None:
        """It was carried out, or passed over; unless it was changed meanwhile, it is due next at `next_at`."""
        columns = _columns(action.key) | {"action": action.action, "was_due": action.next_at, "next_at": next_at}
        await self._db.write("scheduled_action_done", **columns)

    async def remove_action(self, key: Key, action: str) -> bool:
        return await self._db.write("scheduled_action_remove", **_columns(key), action=action) == 1

    def activities(self, account: str, region: str) -> list[ScalingActivity]:
        """The newest first."""
        found = self._rows(ScalingActivity, "scaling_activities_of_account", account=account, region=region)
        return found[::-1]

    async def add_activity(self, activity: ScalingActivity) -> bool:
        """Tell of one and forget old ones; False for a failure that is the same as the last one.

        Raises ResourceNotFound if its version or alias is gone.
        """
        return await self._db.transaction(partial(_add_activity, activity=activity))

    def _rows(self, kind: type[Row], query: str, **parameters: Any) -> list[Row]:
        return [msgspec.convert(_shaped(dict(row)), kind, strict=False) for row in self._db.read(query, **parameters)]


def _shaped(columns: dict[str, Any]) -> dict[str, Any]:
    for name in ("tags", "tracking"):
        if name in columns:
            columns[name] = msgspec.json.decode(columns[name])
    return columns


def _flat(row: OfQualifier) -> dict[str, Any]:
    columns = {name: getattr(row, name) for name in row.__struct_fields__}
    for name in ("tags", "tracking"):
        if name in columns:
            columns[name] = msgspec.json.encode(columns[name]).decode()
    return columns


def _columns(key: Key) -> dict[str, str]:
    return dict(zip(("account", "region", "name", "qualifier"), key, strict=True))


def _put(tx: Transaction, target: ScalableTarget) -> None:
    tx.write("scaling_target_put", **_flat(target), number=_number(tx, target.key))


def _put_of_target(tx: Transaction, query: str, row: OfQualifier) -> None:
    if tx.first("scaling_target_get", **_columns(row.key)) is None:
        raise ResourceNotFound("The scalable target is gone.")
    tx.write(query, **_flat(row))


def _number(tx: Transaction, key: Key) -> int | None:
    """Of the version that a qualifier is; None for an alias. Raises ResourceNotFound if it is gone."""
    *owner, qualifier = key
    columns = dict(zip(("account", "region", "name"), owner, strict=True))
    number = int(qualifier) if qualifier.isdigit() else None
    if number is not None and tx.first("version_get", **columns, number=number) is None:
        raise ResourceNotFound(f"Function not found: {function_arn(**columns)}:{qualifier}")
    if number is None and tx.first("alias_get", **columns, alias=qualifier) is None:
        raise ResourceNotFound(f"Cannot find alias arn: {function_arn(**columns)}:{qualifier}")
    return number


def _add_activity(tx: Transaction, activity: ScalingActivity) -> bool:
    key, number = _columns(activity.key), _number(tx, activity.key)
    last = tx.first("scaling_activity_last", **key)
    told = ("description", "cause", "status", "message")
    if last and activity.status == "Failed" and all(last[name] == getattr(activity, name) for name in told):
        return False
    position = last["position"] + 1 if last else 0
    tx.write("scaling_activity_add", **_flat(activity), number=number, position=position)
    since = activity.began_at - KEEP_ACTIVITIES_S
    tx.write("scaling_activities_forget", **key, first=position - KEEP_ACTIVITIES + 1, since=since)
    return True
