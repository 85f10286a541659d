"""Deploys the photographs' whole way, on AWS or on Lambent: only boto3, and nothing in it knows which of them it is.

python examples/photos/deploy.py --runtime python3.13            # what is there already is kept, its code renewed
"""

import argparse
import contextlib
import importlib.util
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import boto3

HERE = Path(__file__).parent
THUMBNAILS = HERE.parent / "thumbnails"
WIDTH = 160
TRIES = 2  # how often a message may be received before it is a dead letter
TIMEOUT_S = 60
HIDDEN_S = 6 * TIMEOUT_S  # how long a message that was given out is not given again: AWS's advice
MEMORY_MB = 1769  # with which a function gets a whole processor


class Photos:
    """Two buckets, three functions, four queues, a topic, a rule and a schedule, in the account of the session."""

    def __init__(self, session: boto3.Session, role: str = "", runtime: str = "python3.13") -> None:
        clients = ("lambda", "s3", "sqs", "sns", "events", "scheduler")
        self.lambda_, self.s3, self.sqs, self.sns, self.events, self.scheduler = map(session.client, clients)
        self.account, self.region = session.client("sts").get_caller_identity()["Account"], session.region_name
        self.role = role or f"arn:aws:iam::{self.account}:role/photos"
        self.runtime = runtime
        # The names of buckets are everybody's: nobody else has one with this number in it.
        self.uploads = f"photos-uploads-{self.account}-{self.region}"
        self.thumbnails = f"photos-thumbnails-{self.account}-{self.region}"

    def arn(self, service: str, name: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{name}"

    def url(self, queue: str) -> str:
        return str(self.sqs.get_queue_url(QueueName=queue)["QueueUrl"])

    def deploy(self) -> None:
        for bucket in (self.uploads, self.thumbnails):
            self._bucket(bucket)
        self._queues()
        self._functions()
        self._fan_out()
        self._notifications()
        self._rule()
        self._schedule()

    # -- what things are kept in

    def _bucket(self, name: str) -> None:
        place = {"LocationConstraint": self.region}
        options = {} if self.region == "us-east-1" else {"CreateBucketConfiguration": place}
        with contextlib.suppress(self.s3.exceptions.BucketAlreadyOwnedByYou):
            self.s3.create_bucket(Bucket=name, **options)

    def _queues(self) -> None:
        """Of failures, of work to do, of work that cannot be done, and of news for whoever is interested."""
        self.sqs.create_queue(QueueName="photos-failed")
        self.sqs.create_queue(QueueName="photos-dead")
        redrive = {"deadLetterTargetArn": self.arn("sqs", "photos-dead"), "maxReceiveCount": TRIES}
        hidden = {"VisibilityTimeout": str(HIDDEN_S)}
        work = hidden | {"RedrivePolicy": json.dumps(redrive)}
        self.sqs.create_queue(QueueName="photos-catalogue", Attributes=work | self._open("photos-catalogue"))
        self.sqs.create_queue(QueueName="photos-news", Attributes=self._open("photos-news"))

    def _open(self, queue: str) -> dict[str, str]:
        """The policy by which the topic and the rule may send to a queue."""
        topic, rule = self.arn("sns", "photos-made"), self.arn("events", "rule/photos-swept")
        target = self.arn("sqs", queue)
        may = allow("sns", "sqs:SendMessage", target, topic), allow("events", "sqs:SendMessage", target, rule)
        return {"Policy": policy(*may)}

    # -- what is done

    def _functions(self) -> None:
        names = {"THUMBNAILS": self.thumbnails, "UPLOADS": self.uploads, "WIDTH": str(WIDTH)}
        self._function("photos-thumbnail", zipped("thumbnail", thumbnails_package(self.runtime)), names)
        self._function("photos-catalogue", zipped("catalogue"), {})
        self._function("photos-sweep", zipped("sweep"), names)
        self.lambda_.put_function_event_invoke_config(
            FunctionName="photos-thumbnail", MaximumRetryAttempts=1,
            DestinationConfig={"OnFailure": {"Destination": self.arn("sqs", "photos-failed")}},
        )  # fmt: skip
        with contextlib.suppress(self.lambda_.exceptions.ResourceConflictException):
            self.lambda_.create_event_source_mapping(
                FunctionName="photos-catalogue", EventSourceArn=self.arn("sqs", "photos-catalogue"),
                BatchSize=10, FunctionResponseTypes=["ReportBatchItemFailures"],
            )  # fmt: skip

    def _function(self, name: str, package: bytes, environment: dict[str, str]) -> None:
        try:
            self.lambda_.create_function(
                FunctionName=name, Runtime=self.runtime, Role=self.role, Code={"ZipFile": package}, Timeout=TIMEOUT_S,
                Handler=f"{name.removeprefix('photos-')}.handler", MemorySize=MEMORY_MB,
                Environment={"Variables": environment},
            )  # fmt: skip
        except self.lambda_.exceptions.ResourceConflictException:
            self.lambda_.update_function_code(FunctionName=name, ZipFile=package)
        waiter = self.lambda_.get_waiter("function_active_v2")
        waiter.wait(FunctionName=name, WaiterConfig={"Delay": 1})

    # -- what leads from one to the other

    def _fan_out(self) -> None:
        """What is said of a thumbnail goes to the work and to the news, as S3 said it (raw)."""
        topic = self.sns.create_topic(Name="photos-made")["TopicArn"]
        may = allow("s3", "sns:Publish", topic, f"arn:aws:s3:::{self.thumbnails}")
        self.sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy(may))
        for queue in ("photos-catalogue", "photos-news"):
            target = self.arn("sqs", queue)
            self.sns.subscribe(
                TopicArn=topic, Protocol="sqs", Endpoint=target, Attributes={"RawMessageDelivery": "true"}
            )

    def _notifications(self) -> None:
        """A photograph sets off the function, a thumbnail the topic."""
        with contextlib.suppress(self.lambda_.exceptions.ResourceConflictException):
            self.lambda_.add_permission(
                FunctionName="photos-thumbnail", StatementId="uploads", Action="lambda:InvokeFunction",
                Principal="s3.amazonaws.com", SourceArn=f"arn:aws:s3:::{self.uploads}", SourceAccount=self.account,
            )  # fmt: skip
        function = {"LambdaFunctionArn": self.arn("lambda", "function:photos-thumbnail")} | created("suffix", ".jpg")
        topic = {"TopicArn": self.arn("sns", "photos-made")} | created("prefix", "thumbnails/")
        for bucket, configuration in (
            (self.uploads, {"LambdaFunctionConfigurations": [function], "EventBridgeConfiguration": {}}),
            (self.thumbnails, {"TopicConfigurations": [topic]}),
        ):
            self.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)

    def _rule(self) -> None:
        """That a photograph was swept away is news, too: the bucket tells the bus, the rule knows whom to tell."""
        pattern = {
            "source": ["aws.s3"],
            "detail-type": ["Object Deleted"],
            "detail": {"bucket": {"name": [self.uploads]}},
        }
        self.events.put_rule(Name="photos-swept", EventPattern=json.dumps(pattern))
        short = {"InputPathsMap": {"key": "$.detail.object.key"}, "InputTemplate": '{"swept": <key>}'}
        target = {"Id": "news", "Arn": self.arn("sqs", "photos-news"), "InputTransformer": short}
        self.events.put_targets(Rule="photos-swept", Targets=[target])

    def _schedule(self) -> None:
        """Every night at three. The event says for which time, which is not when it runs."""
        target = {"Arn": self.arn("lambda", "function:photos-sweep"), "RoleArn": self.role}
        with contextlib.suppress(self.scheduler.exceptions.ConflictException):
            self.scheduler.create_schedule(
                Name="photos-nightly", ScheduleExpression="cron(0 3 * * ? *)", FlexibleTimeWindow={"Mode": "OFF"},
                Target=target | {"Input": json.dumps({"at": "<aws.scheduler.scheduled-time>"})},
            )  # fmt: skip


def created(name: str, value: str) -> dict[str, Any]:
    """The part of a notification's configuration that says: of new objects whose keys begin or end so."""
    return {"Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": [{"Name": name, "Value": value}]}}}


def allow(service: str, action: str, resource: str, source: str) -> dict[str, Any]:
    """The statement by which a service may do one thing, on behalf of one source only."""
    return {
        "Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": action,
        "Resource": resource, "Condition": {"ArnLike": {"aws:SourceArn": source}},
    }  # fmt: skip


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def zipped(name: str, package: bytes = b"") -> bytes:
    """A function's zip: its one file, and what is in `package`."""
    target = io.BytesIO(package)
    with zipfile.ZipFile(target, "a" if package else "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.py", (HERE / "functions" / f"{name}.py").read_text())
    return target.getvalue()


def thumbnails_package(runtime: str) -> bytes:
    """The zip of examples/thumbnails, with Pillow for that runtime."""
    spec = importlib.util.spec_from_file_location("thumbnails_build", THUMBNAILS / "build.py")
    assert spec is not None
    assert spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    return bytes(build.build(runtime).read_bytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--role", default="", help="the ARN of the functions' and the schedule's role")
    parser.add_argument("--runtime", default="python3.13", help="one that `lambent runtimes` lists")
    asked = parser.parse_args()
    photos = Photos(boto3.Session(), asked.role, asked.runtime)
    photos.deploy()
    print(f"put photographs into s3://{photos.uploads}/, find thumbnails in s3://{photos.thumbnails}/thumbnails/")


if __name__ == "__main__":
    main()
