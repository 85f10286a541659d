"""EventBridge without a socket: botocore's requests and answers, a real database, a clock that stands still, and a
service to which everything can be delivered ("sqs")."""

import json

from botocore.awsrequest import HeadersDict
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from lambent.errors import AwsError, Undeliverable
from lambent.services.events.engine import EventBridge
from lambent.services.events.registry import handle
from lambent.services.events.taker import BusTaker
from lambent.services.post import Post
from lambent.settings import Settings
from lambent.store.eventbridge import EventBridgeStore
from lambent.store.ledger import Entry, Ledger
from lambent.store.queue import open_queue
from lambent.wire.http import Request
from lambent.wire.parse import Wire

MODEL = ServiceModel(Loader().load_service_model("events", "service-2"), "events")
ACCOUNT, REGION = "111111111111", "eu-west-1"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue"


class RefusedError(Exception):
    def __init__(self, answer):
        self.code, self.message = answer["Error"]["Code"], answer["Error"]["Message"]
        self.status = answer["ResponseMetadata"]["HTTPStatusCode"]
        super().__init__(f"{self.status} {self.code}: {self.message}")


class Takes:
    """Remembers what was written; refuses what is for a queue that is called gone."""

    def __init__(self):
        self.taken = []

    def entries(self, outgoing):
        if outgoing.target.endswith(":gone"):
            raise Undeliverable(f"there is no queue {outgoing.target}")
        return (Entry([], written=lambda: self.taken.append(outgoing)),)


class House:
    """`again` is the same server after a restart."""

    def __init__(self, directory, clock):
        self.directory, self.clock = directory, clock
        self.wire = Wire(Settings(region=REGION, account=ACCOUNT))
        self._serializer = create_serializer("json", include_validation=False)
        self._parser = create_parser("json")
        self.takes = Takes()
        self._open()

    def _open(self):
        self.database = open_queue(self.directory)
        self.ledger, post = Ledger(self.database), Post()
        self.events = EventBridge(EventBridgeStore(self.database), self.ledger, post, self.clock)
        self.taker = BusTaker(self.events)
        post.takers |= {"sqs": self.takes, "lambda": self.takes, "events": self.taker}
        self.events.start()

    async def again(self):
        await self.close()
        self._open()

    async def close(self):
        await self.events.close()
        await self.ledger.close()
        self.database.close()

    async def __call__(self, operation, *, account=ACCOUNT, **parameters):
        model = MODEL.operation_model(operation)
        sent = self._serializer.serialize_to_request(parameters, model)
        headers = {name.lower(): str(value) for name, value in sent["headers"].items()}
        headers["host"] = "localhost:4566"
        scope = f"{account}/20260101/{REGION}/events/aws4_request"
        headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
        body = sent["body"] if isinstance(sent["body"], bytes) else sent["body"].encode()
        asked = request = Request("POST", "/", "", headers, body)
        try:
            asked = call = self.wire.parse(request)
            response = self.wire.render(call, await handle(self.events, call))
        except AwsError as error:
            response = self.wire.render_error(asked, error, "id")
        raw = {"status_code": response.status, "headers": HeadersDict(response.headers), "body": response.body}
        answer = self._parser.parse(raw, model.output_shape)
        if response.status >= 300:
            raise RefusedError(answer)
        answer.pop("ResponseMetadata", None)
        return answer

    async def rule(self, name="rule", pattern=None, target=None, **more):
        """A rule with one target, the queue."""
        chosen = {"EventPattern": json.dumps(pattern)} if pattern else {}
        await self("PutRule", Name=name, **chosen, **more)
        bus = {name: more[name] for name in ("EventBusName",) if name in more}
        await self("PutTargets", Rule=name, Targets=[{"Id": "t", "Arn": QUEUE} | (target or {})], **bus)

    async def put(self, detail=None, **more):
        """Put one event; its answer."""
        entry = {"Source": "shop", "DetailType": "order", "Detail": json.dumps(detail or {})} | more
        return (await self("PutEvents", Entries=[entry]))["Entries"][0]

    @property
    def bodies(self):
        """What was delivered since the last look, as text."""
        taken, self.takes.taken = self.takes.taken, []
        return [outgoing.body.decode() for outgoing in taken]
