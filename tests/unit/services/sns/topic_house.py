"""SNS without a socket: botocore's requests and answers, a real database, a clock that stands still, and queues that
take everything."""

from urllib.parse import urlencode

from botocore.awsrequest import HeadersDict
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from lambent.errors import AwsError
from lambent.services.post import Post
from lambent.services.sns.engine import Sns
from lambent.services.sns.registry import handle
from lambent.settings import Settings
from lambent.store.ledger import Entry, Ledger
from lambent.store.queue import open_queue
from lambent.store.sns import SnsStore
from lambent.wire.http import Request
from lambent.wire.parse import Wire

MODEL = ServiceModel(Loader().load_service_model("sns", "service-2"), "sns")
ACCOUNT, REGION = "111111111111", "eu-west-1"
ARN = f"arn:aws:sns:{REGION}:{ACCOUNT}:"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue"


class RefusedError(Exception):
    def __init__(self, answer):
        self.code, self.message = answer["Error"]["Code"], answer["Error"]["Message"]
        super().__init__(f"{self.code}: {self.message}")


class Takes:
    """Remembers what was written."""

    def __init__(self):
        self.taken = []

    def entries(self, outgoing):
        return (Entry([], written=lambda: self.taken.append(outgoing)),)


class House:
    """`again` is the same server after a restart."""

    def __init__(self, directory, clock):
        self.directory, self.clock = directory, clock
        self.wire = Wire(Settings(region=REGION, account=ACCOUNT))
        self._serializer = create_serializer("query", include_validation=False)
        self._parser = create_parser("query")
        self.takes = Takes()
        self._open()

    def _open(self):
        self.database = open_queue(self.directory)
        self.ledger, post = Ledger(self.database), Post()
        post.takers["sqs"] = self.takes
        store, base = SnsStore(self.database), "http://localhost:4566"
        self.sns = Sns(store, self.ledger, post, self.clock, directory=self.directory, base=lambda: base)
        self.sns.start()

    async def again(self):
        await self.close()
        self._open()

    async def close(self):
        await self.sns.close()
        await self.ledger.close()
        self.database.close()

    async def __call__(self, operation, **parameters):
        model = MODEL.operation_model(operation)
        sent = self._serializer.serialize_to_request(parameters, model)
        headers = {name.lower(): str(value) for name, value in sent["headers"].items()}
        headers["host"] = "localhost:4566"
        scope = f"{ACCOUNT}/20260101/{REGION}/sns/aws4_request"
        headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
        asked = request = Request("POST", "/", "", headers, urlencode(sent["body"]).encode())
        try:
            asked = call = self.wire.parse(request)
            response = self.wire.render(call, await handle(self.sns, call))
        except AwsError as error:
            response = self.wire.render_error(asked, error, "id")
        raw = {"status_code": response.status, "headers": HeadersDict(response.headers), "body": response.body}
        answer = self._parser.parse(raw, model.output_shape)
        if response.status >= 300:
            raise RefusedError(answer)
        answer.pop("ResponseMetadata", None)
        return answer

    async def topic(self, name="t", **attributes):
        return (await self("CreateTopic", Name=name, Attributes=attributes))["TopicArn"]

    async def subscribe(self, topic, endpoint=QUEUE, protocol="sqs"):
        return (await self("Subscribe", TopicArn=topic, Protocol=protocol, Endpoint=endpoint))["SubscriptionArn"]

    async def attributes(self, topic):
        return (await self("GetTopicAttributes", TopicArn=topic))["Attributes"]

    async def tags(self, topic):
        listed = (await self("ListTagsForResource", ResourceArn=topic))["Tags"]
        return {each["Key"]: each["Value"] for each in listed}
