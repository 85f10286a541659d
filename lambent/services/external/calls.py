"""Calls to other endpoints, by botocore: it knows credentials, regions, signatures, retries and answers.

botocore blocks. Each call has a thread of its own, which nobody waits for when the server ends: a poll of a queue may
last 20 seconds. Clients are made once; they are loaded from the disk, which takes a tenth of a second.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from lambent.errors import Elsewhere, LambentError, Undeliverable
from lambent.services.external.rules import Rule, Rules

CONNECT_S = 5.0
ANSWER_S = 28.0  # more than the longest poll, less than the postman's patience
T = TypeVar("T")

# It will not be otherwise tomorrow: nothing is there, or what is sent is wrong. A refusal for want of rights, or by
# credentials that are over, may well be.
_FINAL = frozenset((
    "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "NotFound", "NotFoundException", "NoSuchBucket",
    "ResourceNotFoundException", "InvalidParameterValue", "InvalidParameter", "InvalidMessageContents",
    "MissingParameter", "ValidationException", "InvalidParameterValueException", "RequestTooLargeException",
    "InvalidRequestContentException", "EntityTooLarge", "KeyTooLongError",
))  # fmt: skip


class Calls:
    """`rules` say what lies elsewhere; `region` is that of ARNs which name none."""

    def __init__(self, rules: Rules, region: str) -> None:
        self.rules = rules
        self._region = region
        self._lock = threading.Lock()
        self._clients: dict[tuple[Rule, str, str], Any] = {}
        self._urls: dict[str, str] = {}

    def has(self, arn: str) -> bool:
        return self.rules.of(arn) is not None

    async def ask(self, arn: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """The answer of the service of that ARN. Raises Undeliverable for a refusal that will stay one, Elsewhere for
        any other."""
        return await in_thread(lambda: self._ask(arn, operation, parameters))

    async def queue_url(self, arn: str) -> str:
        """Of a queue, which is asked for once."""
        found = self._urls.get(arn)
        if found is None:
            _, _, _, _, account, name = arn.split(":", 5)
            answer = await self.ask(arn, "get_queue_url", QueueName=name, QueueOwnerAWSAccountId=account)
            found = self._urls[arn] = str(answer["QueueUrl"])
        return found

    def _ask(self, arn: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(self._client(arn), operation)(**parameters)
        except ClientError as error:
            told = error.response["Error"]
            code, message = told.get("Code", "Unknown"), told.get("Message", "")
            kind: type[LambentError] = Undeliverable if code in _FINAL else Elsewhere
            raise kind(f"{self._where(arn)} answered {operation} with {code}: {message}") from error
        except BotoCoreError as error:
            raise Elsewhere(f"{self._where(arn)}: {error}") from error
        return answer

    def _where(self, arn: str) -> str:
        rule = self.rules.of(arn)
        return (rule.endpoint if rule else "") or "AWS"

    def _client(self, arn: str) -> Any:
        rule, parts = self.rules.of(arn), arn.split(":", 5)
        if rule is None:
            raise Elsewhere(f"nothing says where {arn} is")
        key = (rule, parts[2], parts[3] or rule.region or self._region)
        with self._lock:
            found = self._clients.get(key)
            if found is None:
                found = self._clients[key] = _made(*key)
            return found


def _made(rule: Rule, service: str, region: str) -> Any:
    from botocore.config import Config
    from botocore.session import Session

    session = Session(profile=rule.profile or None)
    config = Config(
        connect_timeout=CONNECT_S, read_timeout=ANSWER_S, retries={"mode": "standard", "max_attempts": 2},
        ignore_configured_endpoint_urls=True,  # that of the environment is, as often as not, this very server
        max_pool_connections=64, s3={"addressing_style": "path" if rule.endpoint else "auto"},
    )  # fmt: skip
    return session.create_client(
        service, region_name=region, endpoint_url=rule.endpoint or None, config=config,
        aws_access_key_id=rule.access_key_id or None, aws_secret_access_key=rule.secret_access_key or None,
        aws_session_token=rule.session_token or None,
    )  # fmt: skip


def in_thread(work: Callable[[], T]) -> "asyncio.Future[T]":
    """What it comes to, in a thread that does not keep the process."""
    done: Future[T] = Future()
    done.set_running_or_notify_cancel()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, name="external", daemon=True).start()
    return asyncio.wrap_future(done)
