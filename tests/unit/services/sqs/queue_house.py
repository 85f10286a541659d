"""SQS without a socket: botocore's requests and answers, a real database, a clock that stands still."""

from botocore.awsrequest import HeadersDict
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from lambent.errors import AwsError
from lambent.services.sqs.engine import Sqs
from lambent.services.sqs.ledger import MessageLedger
from lambent.services.sqs.registry import handle
from lambent.settings import Settings
from lambent.store.queue import open_queue
from lambent.store.sqs import SqsStore
from lambent.wire.http import Request
from lambent.wire.parse import Wire

MODEL = ServiceModel(Loader().load_service_model("sqs", "service-2"), "sqs")
ACCOUNT, REGION = "111111111111", "eu-west-1"
ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:"


class RefusedError(Exception):
    def __init__(self, answer):
        self.code, self.message = answer["Error"]["Code"], answer["Error"]["Message"]
        self.status = answer["ResponseMetadata"]["HTTPStatusCode"]
        super().__init__(f"{self.status} {self.code}: {self.message}")


class Client:
    """Calls operations as botocore would, without a socket. `again` is the same server after a restart."""

    def __init__(self, directory, clock):
        self.directory, self.clock = directory, clock
        self.wire = Wire(Settings(region=REGION, account=ACCOUNT))
        self._serializer = create_serializer("json", include_validation=False)
        self._parser = create_parser("json")
        self._open()

    def _open(self):
        self.database = open_queue(self.directory)
        self.sqs = Sqs(SqsStore(self.database), MessageLedger(self.database), self.clock, b"a key for tests")
        self.sqs.start()

    async def again(self):
        await self.close()
        self._open()

    async def close(self):
        await self.sqs.close()
        await self.sqs.ledger.close()
        self.database.close()

    async def __call__(self, operation, *, account=ACCOUNT, **parameters):
        model = MODEL.operation_model(operation)
        sent = self._serializer.serialize_to_request(parameters, model)
        headers = {name.lower(): str(value) for name, value in sent["headers"].items()}
        headers["host"] = "localhost:4566"
        scope = f"{account}/20260101/{REGION}/sqs/aws4_request"
        headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
        body = sent["body"] if isinstance(sent["body"], bytes) else sent["body"].encode()
        asked = request = Request("POST", "/", "", headers, body)
        try:
            asked = call = self.wire.parse(request)
            response = self.wire.render(call, await handle(self.sqs, call))
        except AwsError as error:
            response = self.wire.render_error(asked, error, "id")
        raw = {"status_code": response.status, "headers": HeadersDict(response.headers), "body": response.body}
        answer = self._parser.parse(raw, model.output_shape)
        if response.status >= 300:
            raise RefusedError(answer)
        answer.pop("ResponseMetadata", None)
        return answer

    async def queue(self, name="q", **attributes):
        return (await self("CreateQueue", QueueName=name, Attributes=attributes))["QueueUrl"]

    async def fifo(self, name="q.fifo", **attributes):
        return await self.queue(name, FifoQueue="true", **attributes)

    async def send(self, url, body="hello", **more):
        return await self("SendMessage", QueueUrl=url, MessageBody=body, **more)

    async def receive(self, url, most=10, **more):
        return (await self("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=most, **more)).get("Messages", [])

    async def bodies(self, url, most=10, **more):
        return [each["Body"] for each in await self.receive(url, most, **more)]

    async def attributes(self, url, *names):
        return (await self("GetQueueAttributes", QueueUrl=url, AttributeNames=list(names or ["All"])))["Attributes"]

    async def count(self, url):
        return int((await self.attributes(url, "ApproximateNumberOfMessages"))["ApproximateNumberOfMessages"])
