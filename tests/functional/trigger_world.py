"""A server in which everything is set up that can trigger something, and who works with it."""

import datetime
import json
import random
import time

from real_server import Server, client
from trigger_clients import ARN, Consumer, Crowd, Numbered, Planner, Sender, Uploader, sqs_arn

RATES = 20  # schedules that begin at different seconds
# What a function got, it passes on to another queue, with the message's id: in the order in which it came.
HANDLER = """
    import json, os, time, urllib.request

    def told(record):
        if "Sns" in record:
            return record["Sns"]["MessageId"], record["Sns"]["Message"], ""
        return record["messageId"], record["body"], record["attributes"].get("MessageGroupId", "")

    def entry(number, record, context):
        message_id, body, group = told(record)
        made = {"Id": str(number), "MessageBody": json.dumps([message_id, body])}
        if group:
            made |= {"MessageGroupId": group, "MessageDeduplicationId": f"{context.aws_request_id}-{number}"}
        return made

    def handler(event, context):
        entries = [entry(number, record, context) for number, record in enumerate(event["Records"])]
        url = "http://any/000000000000/seen" + (".fifo" if "MessageGroupId" in entries[0] else "")
        headers = {"X-Amz-Target": "AmazonSQS.SendMessageBatch", "Content-Type": "application/x-amz-json-1.0"}
        body = json.dumps({"QueueUrl": url, "Entries": entries}).encode()
        asked = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], body, headers)
        with urllib.request.urlopen(asked) as answer:
            assert len(json.load(answer)["Successful"]) == len(entries)
        failed = [each["messageId"] for each in event["Records"] if each.get("body", "").endswith("poison")]
        return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}
"""


class World:
    """Everything that is set up in one server, and who works with it."""

    def __init__(self, server: Server, chance: random.Random) -> None:
        self.server = server
        self.aws = {name: client(server.endpoint, service=name) for name in ("sqs", "sns", "s3", "events", "scheduler")}
        self.urls = {name: self._queue(name) for name in ("seen", "dead", "topic", "bucket", "bridge", "put", "ticks")}
        for name in ("seen.fifo", "topic.fifo"):
            self.urls[name] = self._queue(name, FifoQueue="true")
        redrive = json.dumps({"deadLetterTargetArn": sqs_arn("dead"), "maxReceiveCount": 2})
        self.urls["work"] = self._queue("work", VisibilityTimeout="4", RedrivePolicy=redrive)
        self.urls["orders.fifo"] = self._queue("orders.fifo", FifoQueue="true", VisibilityTimeout="4")
        self.urls["consumed"] = self._queue("consumed", VisibilityTimeout="2")
        self._deploy()
        self.topic, self.fifo_topic = self._topics()
        self._bucket()
        self.rates = self._schedules()
        self.crowd = Crowd(server.endpoint)
        self.orders = [Numbered(f"order{n}", 3) for n in range(2)]
        self.told = Numbered("told", 3)
        self.work, self.published, self.events, self.consumed = map(Sender, ("work", "published", "put", "consumed"))
        self.consumer = Consumer(self.urls["consumed"])
        self.uploaders = [Uploader("bucket", f"u{n}", random.Random(chance.random())) for n in range(2)]
        self.planner = Planner("ticks")

    def _queue(self, name: str, **attributes: str) -> str:
        statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": sqs_arn(name)}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        return str(
            self.aws["sqs"].create_queue(QueueName=name, Attributes={"Policy": policy, **attributes})["QueueUrl"]
        )

    def _deploy(self) -> None:
        lambda_client = self.server.client
        dead = {"OnFailure": {"Destination": sqs_arn("dead")}}
        for name, timeout in (("work", 4), ("orders", 4), ("witness", 10)):
            self.server.deploy(HANDLER, name=name, Timeout=timeout)
            lambda_client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=2)
        lambda_client.put_function_event_invoke_config(
            FunctionName="witness", MaximumRetryAttempts=0, DestinationConfig=dead
        )
        for name, queue in (("work", "work"), ("orders", "orders.fifo")):
            lambda_client.create_event_source_mapping(
                EventSourceArn=sqs_arn(queue), FunctionName=name, FunctionResponseTypes=["ReportBatchItemFailures"],
                ScalingConfig={"MaximumConcurrency": 2},
            )  # fmt: skip

    def _topics(self) -> tuple[str, str]:
        sns = self.aws["sns"]
        topic = sns.create_topic(Name="topic")["TopicArn"]
        self.server.client.add_permission(
            FunctionName="witness", StatementId="sns", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com"
        )
        raw = {"RawMessageDelivery": "true"}
        sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=ARN.format("lambda", "function:witness"))
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=sqs_arn("topic"), Attributes=raw)
        ordered = sns.create_topic(Name="topic.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
        sns.subscribe(TopicArn=ordered, Protocol="sqs", Endpoint=sqs_arn("topic.fifo"))
        return topic, ordered

    def _bucket(self) -> None:
        events = self.aws["events"]
        self.aws["s3"].create_bucket(Bucket="bucket")
        wanted = {"QueueArn": sqs_arn("bucket"), "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}
        told = {"QueueConfigurations": [wanted], "EventBridgeConfiguration": {}}
        self.aws["s3"].put_bucket_notification_configuration(Bucket="bucket", NotificationConfiguration=told)
        for source, queue in (("aws.s3", "bridge"), ("faults", "put")):
            events.put_rule(Name=queue, EventPattern=json.dumps({"source": [source]}))
            events.put_targets(Rule=queue, Targets=[{"Id": "queue", "Arn": sqs_arn(queue)}])

    def _schedules(self) -> dict[str, int]:
        """Names, and when each is due first (epoch seconds); a minute later again."""
        rates = {f"rate-{n}": int(time.time()) + 5 + 2 * n for n in range(RATES)}
        for name, first in rates.items():
            self.aws["scheduler"].create_schedule(
                Name=name, ScheduleExpression="rate(1 minute)", FlexibleTimeWindow={"Mode": "OFF"},
                StartDate=datetime.datetime.fromtimestamp(first, datetime.UTC), Target=Planner("ticks").target(name),
            )  # fmt: skip
        return rates

    def work_all(self) -> None:
        start, urls = self.crowd.start, self.urls
        for order in self.orders:
            start("sqs", order.send(urls["orders.fifo"]), pause_s=0.05, again=True)
        start("sqs", self.work.send(urls["work"]), pause_s=0.05)
        start("sqs", self.consumed.send_three(urls["consumed"]), pause_s=0.05)
        start("sqs", self.consumer.step, pause_s=0.01)
        start("sns", self.published.publish(self.topic), pause_s=0.05)
        start("sns", self.told.publish(self.fifo_topic), pause_s=0.05, again=True)
        start("events", self.events.put_events, pause_s=0.05)
        for uploader in self.uploaders:
            start("s3", uploader.step, pause_s=0.05)
        start("scheduler", self.planner.step, pause_s=0.3)

    def is_calm(self) -> bool:
        """Everything has come to its end, and what is planned for once has had its time."""
        events = self.server.status()["events"]
        under_way = events["waiting"] or events["running"] or self._left("work") or self._left("orders.fifo")
        return not under_way and time.time() > self.planner.last_s + 1

    def _left(self, name: str) -> int:
        asked = {"QueueUrl": self.urls[name], "AttributeNames": ["All"]}
        found = self.aws["sqs"].get_queue_attributes(**asked)["Attributes"]
        return sum(int(value) for name, value in found.items() if name.startswith("Approximate"))
