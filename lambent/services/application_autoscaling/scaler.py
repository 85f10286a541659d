"""Scales on the product's clock: carries out scheduled actions when they are due, and decides once a minute.

One timer at a time, and none where nothing is to be scaled. While policies are there, utilisation is sampled once more
in the middle of each minute of the clock: virtual minutes may be over before the real second that is sampled has come.
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from lambent.clock import Clock, Timer
from lambent.errors import LambentError, ResourceNotFound
from lambent.observe.journal import Journal
from lambent.observe.metrics import Metrics
from lambent.services import schedules
from lambent.services.application_autoscaling import decisions, resources
from lambent.services.application_autoscaling.decisions import Bounds, Step, Suspended
from lambent.services.application_autoscaling.fleet import Fleet
from lambent.services.application_autoscaling.tracking import view
from lambent.store.scaling import Key, ScalableTarget, Scaling, ScalingActivity, ScalingPolicy, ScheduledAction

log = logging.getLogger("lambent")

MINUTE_S, HALF_S = 60, 30
NAP_S = 3600.0  # at most, for what is due later: a machine's clock may be set meanwhile


class Scaler:
    """`turn` is held by whoever changes targets, policies or actions, and by each round."""

    def __init__(
        self,
        store: Scaling,
        fleet: Fleet,
        clock: Clock,
        metrics: Metrics,
        *,
        journal: Journal,
        sample: Callable[[], None],
    ) -> None:
        self.store, self.fleet, self.clock = store, fleet, clock
        self.turn = asyncio.Lock()
        self._metrics, self._journal, self._sample = metrics, journal, sample
        self._timer: Timer | None = None
        self._task: asyncio.Task[None] | None = None
        self._running = False

    def start(self) -> None:
        self._running = True
        self.look()

    async def close(self) -> None:
        """What is being done is finished."""
        self._running = False
        if self._timer:
            self._timer.cancel()
        if self._task:
            await asyncio.gather(self._task, return_exceptions=True)

    def look(self) -> None:
        """Set the timer for what is to be done next, which may have changed."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        now, moments = self.clock.epoch(), []
        if self.store.has_policies():
            moments.append((now // HALF_S + 1) * HALF_S)
        if (due := self.store.first_due()) is not None:
            moments.append(max(due, now))
        if moments and self._running:
            moment = min(moments)
            todo = self.look if moment - now > NAP_S else partial(self._due, moment)
            self._timer = self.clock.call_later(min(moment - now, NAP_S), todo, background=True)

    def _due(self, moment: float) -> None:
        if self._is_quiet(moment):  # a virtual year has a million of these
            return self.look()
        work = contextlib.ExitStack()
        work.enter_context(self.clock.working())
        self._task = asyncio.get_running_loop().create_task(self._round(moment, work))
        return None

    def _is_quiet(self, moment: float) -> bool:
        """Samples at half minutes, and says whether that is all: no action is due, and no policy has any data."""
        due = self.store.first_due()
        if due is not None and due <= max(moment, self.clock.epoch()):
            return False
        if moment % MINUTE_S >= HALF_S:
            self._sample()
            return True
        return not any(view(policy, self._metrics, moment).points for policy in self.store.all_policies())

    async def _round(self, moment: float, work: contextlib.ExitStack) -> None:
        with work:
            try:
                async with self.turn:
                    await self._do(moment, max(moment, self.clock.epoch()))
            except Exception:  # a disk that is full, or a bug: the next minute is another chance
                log.exception("provisioned concurrency could not be scaled")
            self.look()

    async def _do(self, moment: float, now: float) -> None:
        """What is due at `moment`, which may have been a while ago on a busy machine."""
        for action in self.store.due_actions(now):
            with contextlib.suppress(ResourceNotFound):  # what it scaled has just gone
                await self._carry_out(action, now)
        if moment % MINUTE_S < HALF_S:
            await self._track(now)

    # -- target tracking

    async def _track(self, now: float) -> None:
        policies: dict[Key, list[ScalingPolicy]] = {}
        for policy in self.store.all_policies():
            policies.setdefault(policy.key, []).append(policy)
        targets = self.store.all_targets() if policies else {}
        for key, group in policies.items():
            if key in targets:
                with contextlib.suppress(ResourceNotFound):  # it has just gone
                    await self._track_one(targets[key], group, now)

    async def _track_one(self, target: ScalableTarget, policies: list[ScalingPolicy], now: float) -> None:
        capacity = self.fleet.capacity(target.key)
        views = [view(policy, self._metrics, now) for policy in policies]
        suspended = Suspended(target.in_suspended, target.out_suspended)
        step = decisions.decide(views, capacity, Bounds(target.minimum, target.maximum), now, suspended)
        if step:
            await self._take(step, next(each for each in policies if each.policy == step.policy), capacity.count, now)

    async def _take(self, step: Step, policy: ScalingPolicy, before: int, now: float) -> None:
        alarm = resources.alarm_name(policy, "High" if step.out else "Low")
        cause = f"monitor alarm {alarm} in state ALARM triggered policy {policy.policy}"
        if await self.set_capacity(policy.key, step.count, cause, now):
            # Scaling out ends the pause after scaling in.
            done = {"out_at": now, "out_from": before, "in_at": 0.0} if step.out else {"in_at": now}
            await self.store.put_policy(replace(policy, **done))

    # -- bounds

    async def _carry_out(self, action: ScheduledAction, now: float) -> None:
        """Unless it was over before it came, as when the server was not running."""
        target = self.store.target(action.key)
        if target is None:
            return
        over = action.end_at is not None and (action.next_at or now) > action.end_at
        if not over and not target.schedule_suspended:
            await self._schedule(target, action, now)
        await self.store.action_done(action, next_due(action, now))

    async def _schedule(self, target: ScalableTarget, action: ScheduledAction, now: float) -> None:
        given = {"minimum": action.minimum, "maximum": action.maximum}
        changed = replace(target, **{name: value for name, value in given.items() if value is not None})
        words = {"minimum": "min capacity to", "maximum": "max capacity to"}
        what = " and ".join(f"{words[name]} {value}" for name, value in given.items() if value is not None)
        cause = f"scheduled action name {action.action} was triggered"
        if changed.minimum > changed.maximum:
            why = "Maximum capacity cannot be less than minimum capacity"
            return await self._tell(target.key, f"Setting {what}", cause, now, f"Failed to set {what}. Reason: {why}")
        await self.store.put_target(changed)
        await self._tell(target.key, f"Setting {what}", cause, now, f"Successfully set {what}")
        return await self.bring_into_range(changed, now)

    async def bring_into_range(self, target: ScalableTarget, now: float) -> None:
        """At once, whatever policies say."""
        count = self.fleet.capacity(target.key).count
        if count < target.minimum:
            await self.set_capacity(target.key, target.minimum, f"minimum capacity was set to {target.minimum}", now)
        elif count > target.maximum:
            await self.set_capacity(target.key, target.maximum, f"maximum capacity was set to {target.maximum}", now)

    # -- doing it

    async def set_capacity(self, key: Key, count: int, cause: str, now: float) -> bool:
        """False if it was refused, which is told as a failed activity."""
        what = f"desired concurrency to {count}"
        try:
            await self.fleet.provision(key, count)
        except LambentError as error:
            message = f"Failed to set {what}. Reason: {error.message}"
            await self._tell(key, f"Setting {what}.", cause, now, message)
            return False
        message = f"Successfully set {what}. Change successfully fulfilled by lambda."
        await self._tell(key, f"Setting {what}.", cause, now, message)
        return True

    async def _tell(self, key: Key, description: str, cause: str, now: float, message: str) -> None:
        account, region, name, qualifier = key
        activity = ScalingActivity(
            account=account, region=region, name=name, qualifier=qualifier, id=str(uuid.uuid4()), began_at=now,
            description=description, cause=cause, message=message,
            status="Failed" if message.startswith("Failed") else "Successful",
        )  # fmt: skip
        with contextlib.suppress(ResourceNotFound):  # it has just gone, and what scaled it as well
            if await self.store.add_activity(activity):
                facts = {"what": resources.resource_id(key), "cause": cause, "message": message}
                self._journal.tell(now, activity.id, "scaled", **facts)


def next_due(action: ScheduledAction, after: float) -> float | None:
    """When a scheduled action is due after a moment; None: never again. Not before its start, not after its end."""
    anchor = action.created_at if action.start_at is None else action.start_at
    find = schedules.due_after(action.schedule, action.timezone, anchor)
    if action.start_at is not None and after < action.start_at:
        is_rate = action.schedule.startswith("rate")
        due = action.start_at if is_rate else find(action.start_at - 1e-3)
    else:
        due = find(after)
    return due if due is not None and (action.end_at is None or due <= action.end_at) else None
