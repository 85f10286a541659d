"""The operations on subscription filters. Source: CloudWatch Logs API Reference; recordings of AWS (errors.tsv)."""

from msgspec.structs import replace

from lambent.errors import AwsError, NotImplementedYet
from lambent.model import Document
from lambent.services.logs.engine import Logs
from lambent.services.logs.errors import invalid, limit_exceeded, not_found
from lambent.services.logs.filter_patterns import compile_filter
from lambent.services.logs.group_operations import named, paged
from lambent.services.logs.nouns import MOST_FILTERS, Filter, Group
from lambent.services.logs.watch import Watches
from lambent.wire.parse import Call

_NEEDS_ROLE = ("kinesis", "firehose")


async def put_subscription_filter(logs: Logs, watches: Watches, call: Call) -> Document:
    """A new one, or another in the place of that of the same name. What is logged after the answer is delivered."""
    asked, key = call.parameters, named(call)
    _check_destination(call, asked["destinationArn"])
    for name in ("applyOnTransformedLogs", "fieldSelectionCriteria", "emitSystemFields"):
        if asked.get(name):
            raise NotImplementedYet(f"Lambent's subscription filters have no {name} yet.")
    group, name = await logs.group(key), asked["filterName"]
    compile_filter(asked["filterPattern"])
    others = tuple(each for each in group.settings.filters if each.name != name)
    before = next((each for each in group.settings.filters if each.name == name), None)
    rule = Filter(
        name=name, pattern=asked["filterPattern"], destination=asked["destinationArn"],
        created=before.created if before else logs.now, distribution=asked.get("distribution") or "ByLogStream",
    )  # fmt: skip
    if len(others) >= MOST_FILTERS:
        raise limit_exceeded()
    logs.subscribers.demand_permission(key, rule)
    _refuse_loop(group, rule)
    filters = tuple(sorted((*others, rule), key=lambda each: each.name))
    await logs.put_group(replace(group, settings=replace(group.settings, filters=filters)))
    await watches.ready(key)
    return {}


def _check_destination(call: Call, destination: str) -> None:
    parts = destination.split(":")
    service, account = (parts[2], parts[4]) if len(parts) >= 6 and parts[0] == "arn" else ("", "")
    if service in _NEEDS_ROLE and not call.parameters.get("roleArn"):
        raise invalid(f"destinationArn for vendor {service} cannot be used without roleArn")
    if service in (*_NEEDS_ROLE, "logs"):
        raise NotImplementedYet(
            f"Lambent's subscription filters have no {service} yet: their destinations are functions."
        )
    if service != "lambda":
        raise invalid(f"PutSubscriptionFilter operation cannot work with destinationArn for vendor {service}")
    if account != call.account:
        raise AwsError(
            "Cross-account lambda invocation passing is not allowed. You must use DestinationPolicies to create cross "
            "account lambda triggers.",
            code="AccessDeniedException", status=400,
        )  # fmt: skip
    if call.parameters.get("roleArn"):
        raise invalid("destinationArn for vendor lambda cannot be used with roleArn")


def _refuse_loop(group: Group, rule: Filter) -> None:
    if group.name == f"/aws/lambda/{rule.destination.split(':')[6]}":
        raise invalid("A function cannot be the destination of its own log group: each of its lines would invoke it.")


async def describe_subscription_filters(logs: Logs, call: Call) -> Document:
    group, prefix = await logs.group(named(call)), call.parameters.get("filterNamePrefix") or ""
    found = [each for each in group.settings.filters if each.name.startswith(prefix)]
    page, more = paged(call, found, lambda each: each.name)
    return {"subscriptionFilters": [_described(group, each) for each in page]} | more


def _described(group: Group, rule: Filter) -> Document:
    return {
        "filterName": rule.name, "logGroupName": group.name, "filterPattern": rule.pattern,
        "destinationArn": rule.destination, "distribution": rule.distribution, "applyOnTransformedLogs": False,
        "creationTime": rule.created,
    }  # fmt: skip


async def delete_subscription_filter(logs: Logs, call: Call) -> Document:
    group, name = await logs.group(named(call)), call.parameters["filterName"]
    left = tuple(each for each in group.settings.filters if each.name != name)
    if len(left) == len(group.settings.filters):
        raise not_found("subscription filter")
    await logs.put_group(replace(group, settings=replace(group.settings, filters=left)))
    return {}
