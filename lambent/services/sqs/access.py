"""Which queue a request names, and whether its sender may use it.

An account may do everything with its own queues unless their policy says Deny; others need its Allow.
"""

from collections.abc import Mapping

from lambent.errors import AwsError
from lambent.iam.policy import ALLOW, SILENT, Asked, Verdict, refusal, verdict_in
from lambent.principal import Principal
from lambent.services.sqs import errors
from lambent.services.sqs.engine import Sqs
from lambent.services.sqs.queue import Queue
from lambent.wire.parse import Call

NOTHING: Mapping[str, str] = {}


def named(sqs: Sqs, call: Call) -> Queue:
    """The queue of QueueUrl, if the caller may do this operation with it. Raises QueueDoesNotExist, AccessDenied."""
    account, region, name = place(call.parameters.get("QueueUrl") or "", call)
    queue = sqs.queue(account, region, name)
    demand(call.caller, account_of(call), call.operation, queue)
    return queue


def place(url: str, call: Call) -> tuple[str, str, str]:
    """Account, region and name in a queue's URL, of which only the end counts: a client may reach us by many names.

    Only a name is taken too, as AWS does. Raises InvalidAddress.
    """
    parts = url.split("?", maxsplit=1)[0].rstrip("/").split("/")
    if len(parts) == 1 and parts[0]:
        return call.account, call.region, parts[0]
    if len(parts) < 2 or not (len(parts[-2]) == 12 and parts[-2].isdigit()):
        raise AwsError(f"The address {url} is not valid for this endpoint.", code="InvalidAddress", status=404)
    return parts[-2], call.region, parts[-1]


def url_of(queue: Queue, call: Call, fallback: str) -> str:
    """At the host by which the caller reached us."""
    host = call.request.headers.get("host") or fallback
    return f"http://{host}/{queue.stored.account}/{queue.stored.name}"


def account_of(call: Call) -> str:
    return call.caller.account or call.account


def demand(
    caller: Principal, account: str, operation: str, queue: Queue, conditions: Mapping[str, str] = NOTHING
) -> None:
    """Raise AccessDenied, in AWS's words, unless the caller may."""
    action = f"sqs:{operation.removesuffix('Batch')}"
    said = verdict(queue, caller, action, conditions)
    if said is ALLOW or (said is SILENT and account == queue.stored.account and not caller.service):
        return
    raise AwsError(refusal(Asked(caller, action, queue.stored.arn), said), code="AccessDenied", status=403)


def verdict(queue: Queue, caller: Principal, action: str, conditions: Mapping[str, str]) -> Verdict:
    """What the queue's policy alone says."""
    keys = {key.lower(): value for key, value in conditions.items()}
    return verdict_in(queue.stored.attributes.get("Policy"), Asked(caller, action, queue.stored.arn, keys))


def move_task_queue(sqs: Sqs, arn: str, what: str) -> Queue:
    """The queue of an ARN. Raises ResourceNotFoundException, which says of which parameter."""
    queue = sqs.by_arn(arn)
    if queue is None:
        raise errors.not_found(f"The resource that you specified for the {what} parameter doesn't exist.")
    return queue
