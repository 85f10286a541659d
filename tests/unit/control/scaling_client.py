"""A client of Application Auto Scaling, without sockets, over a control plane, a virtual clock and a load to set."""

from typing import Any

from botocore.awsrequest import HeadersDict
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from control_client import ACCOUNT, REGION, RefusedError

from lambent.control.control import Control
from lambent.errors import AwsError
from lambent.observe.journal import Journal
from lambent.observe.metrics import Metrics
from lambent.scaling import Autoscaling
from lambent.store.database import Database
from lambent.wire.http import Request
from lambent.wire.parse import Wire

MODEL = ServiceModel(Loader().load_service_model("application-autoscaling", "service-2"), "application-autoscaling")
FUNCTION = (ACCOUNT, REGION, "hello")
KEY = (*FUNCTION, "live")
TARGET = {
    "ServiceNamespace": "lambda",
    "ResourceId": "function:hello:live",
    "ScalableDimension": "lambda:function:ProvisionedConcurrency",
}
TRACKING = {
    "TargetValue": 0.5,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "LambdaProvisionedConcurrencyUtilization"},
}
POLICY = TARGET | {
    "PolicyName": "track",
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": TRACKING,
}


class ScalingClient:
    """`load`: the utilisation of hello:live at this moment; None: nobody calls it."""

    def __init__(self, database: Database, control: Control, journal: Journal) -> None:
        self.control = control
        self.metrics = Metrics(control.clock)
        self.load: float | None = None
        self.service = Autoscaling(database, control, self.metrics, journal, self._sample)
        self.wire = Wire(control.settings)
        self._serializer = create_serializer("json", include_validation=False)
        self._parser = create_parser("json")

    def _sample(self) -> None:
        if self.load is not None:
            self.metrics.sample("ProvisionedConcurrencyUtilization", FUNCTION, self.load, "live")

    async def __call__(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """The result. Raises RefusedError."""
        model = MODEL.operation_model(operation)
        asked = self._serializer.serialize_to_request(parameters, model)
        scope = f"AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260112/{REGION}/application-autoscaling/aws4_request"
        headers = {name.lower(): value for name, value in asked["headers"].items()}
        headers |= {"host": "localhost:4566", "authorization": f"{scope}, SignedHeaders=host, Signature=0"}
        response = await self._answer(Request("POST", "/", "", headers, asked["body"]))
        raw = {"status_code": response.status, "headers": HeadersDict(response.headers), "body": response.body}
        parsed: dict[str, Any] = self._parser.parse(raw, model.output_shape)
        if response.status >= 300:
            raise RefusedError(parsed)
        del parsed["ResponseMetadata"]
        return parsed

    async def _answer(self, request: Request) -> Any:
        call = None
        try:
            call = self.wire.parse(request)
            return self.wire.render(call, await self.service.answer(call))
        except AwsError as error:
            return self.wire.render_error(call or request, error, "11111111-2222-3333-4444-555555555555")

    # -- what there is

    def provisioned(self) -> int | None:
        return next((each.requested for each in self.control.concurrency.provisioned(*FUNCTION)), None)

    async def told(self) -> list[tuple[str, str]]:
        """What was done and why, oldest first."""
        found = (await self("DescribeScalingActivities", ServiceNamespace="lambda"))["ScalingActivities"]
        return [(each["Description"], each["Cause"]) for each in reversed(found)]
