"""/_lambent/metrics: the AWS/Lambda metrics of the last three hours, minute by minute. Client: `lambent metrics`."""

import asyncio
from typing import Any
from urllib.parse import parse_qs

import msgspec

from lambent.clock import Clock
from lambent.errors import AwsError, InvalidParameterValue, ResourceNotFound
from lambent.observe.metrics import Key, Metrics, Minute, total
from lambent.settings import Settings
from lambent.wire.http import Request, Response

PREFIX = "/_lambent/metrics"
_KNOWN = frozenset({"function", "metric", "qualifier", "since", "account", "region", "totals"})
_json = msgspec.json.Encoder().encode


class Wanted(msgspec.Struct, frozen=True):
    """What somebody asks for; None: any."""

    account: str
    region: str
    function: str | None  # "": of all functions together
    metric: str | None
    qualifier: str | None
    since: float  # epoch seconds
    totals: bool  # one row for all minutes

    def wants(self, key: Key) -> bool:
        metric, (account, region, name), qualifier = key
        return (
            (account, region) == (self.account, self.region)
            and self.function in (None, name)
            and self.metric in (None, metric)
            and self.qualifier in (None, qualifier)
        )


class MetricsDoor:
    """Answers GET of PREFIX. Raises AwsError."""

    prefix = PREFIX

    def __init__(self, metrics: Metrics, settings: Settings, clock: Clock) -> None:
        self.metrics = metrics
        self.settings = settings
        self.clock = clock

    async def answer(self, request: Request) -> Response:
        if request.path != PREFIX:
            raise ResourceNotFound(f"There is nothing at {request.path}: see {PREFIX}.")
        if request.method not in ("GET", "HEAD"):
            raise AwsError(f"{request.method} is not for {request.path}", code="MethodNotAllowed", status=405)
        wanted = _wanted(parse_qs(request.query, keep_blank_values=True), self.settings)
        found = await asyncio.to_thread(self._find, wanted)
        document = {"now": self.clock.epoch(), "account": wanted.account, "region": wanted.region, "metrics": found}
        return Response(200, [("content-type", "application/json")], _json(document))

    def _find(self, wanted: Wanted) -> list[dict[str, Any]]:
        found = []
        for key in self.metrics.series():
            if wanted.wants(key):
                minutes = self.metrics.minutes(*key, since=wanted.since)
                if minutes:
                    found.append(_shown(key, minutes, totals=wanted.totals))
        return found


def _shown(key: Key, minutes: list[Minute], *, totals: bool) -> dict[str, Any]:
    metric, (_, _, name), qualifier = key
    shown: dict[str, Any] = {"metric": metric, "function": name, "qualifier": qualifier}
    return shown | ({"total": total(minutes)} if totals else {"minutes": minutes})


def _wanted(query: dict[str, list[str]], settings: Settings) -> Wanted:
    unknown = sorted(set(query) - _KNOWN)
    if unknown:
        raise InvalidParameterValue(f"There is no {unknown[0]!r} to ask for; there are: {', '.join(sorted(_KNOWN))}.")

    def given(name: str) -> str | None:
        return query[name][0] if name in query else None

    return Wanted(
        given("account") or settings.account, given("region") or settings.region, given("function"), given("metric"),
        given("qualifier"), _since(given("since")), given("totals") in ("1", "true"),
    )  # fmt: skip


def _since(text: str | None) -> float:
    try:
        since = float(text or 0)
    except ValueError:
        since = -1.0
    if not 0 <= since < float("inf"):
        raise InvalidParameterValue(f"since must be epoch seconds, not negative; found {text!r}")
    return since
