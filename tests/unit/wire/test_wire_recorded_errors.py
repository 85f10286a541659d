"""Broken constraints, against what the real AWS answered (../shared/oracles/errors.tsv), as far as the model allows."""

import csv
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import wire_oracle as oracle

from lambent.errors import AwsError
from lambent.settings import Settings
from lambent.wire.parse import Wire
from lambent.wire.services import profile

RECORDED = Path(os.environ.get("LAMBENT_ORACLES", Path(__file__).parents[4] / "shared" / "oracles")) / "errors.tsv"
FUNCTION = {"Runtime": "python3.13", "Role": "arn:aws:iam::123456789012:role/r", "Code": {}, "Handler": "a.b"}
LONG = "X" * 256


class Case(NamedTuple):
    """A request that AWS refused. `recorded` is how the recorded message goes on after "…detected: ", as far as it is
    unique; `replaced` fills its placeholders; with `model_differs` only the text before the values is compared, since
    today's model lists other enum values or another pattern than AWS answered with."""

    service: str
    operation: str
    parameters: dict[str, Any]
    recorded: str
    replaced: tuple[str, str] = ("", "")
    model_differs: bool = False


def patch(op: str) -> dict[str, str]:
    return {"op": op, "path": "/x"}


GATEWAY = {"restApiId": "a", "resourceId": "b", "httpMethod": "GET", "statusCode": "200"}
LAYER = "arn:<partition>:lambda:<region>:111111111111:layer:<resource:1>"
TAGGED = "arn:<partition>:lambda:<region>:111111111111:foobar:<resource-name>"
CASES = [
    Case(
        "apigateway",
        "UpdateGatewayResponse",
        {"restApiId": "a", "responseType": "DEFAULT_4XX", "patchOperations": [patch("wrong-op")]},
        "Value 'wrong-op' at",
    ),
    Case("apigateway", "GetIntegrationResponse", {**GATEWAY, "statusCode": "wrong"}, "Value 'wrong' at 'statusCode'"),
    Case(
        "apigateway",
        "UpdateMethodResponse",
        {**GATEWAY, "patchOperations": [patch("wrong_op"), patch("wrong_op")]},
        "Value 'wrong_op' at",
    ),
    Case(
        "apigateway",
        "CreateRestApi",
        {"name": "a", "endpointConfiguration": {"types": ["wrong"], "ipAddressType": "wrong"}},
        "Value '[wrong]' at 'createRestApiInput.endpointConfiguration.types' failed to satisfy constraint: Member must "
        "satisfy constraint: [Member must satisfy enum value set: [PRIVATE, EDGE, REGIONAL]];",
    ),
    Case(
        "apigateway",
        "UpdateRestApi",
        {"restApiId": "a", "patchOperations": [patch("wrong")] * 3},
        "3 validation errors detected: Value 'wrong' at 'updateRestApiInput",
    ),
    Case(
        "dynamodb",
        "UpdateKinesisStreamingDestination",
        {
            "TableName": "abc",
            "StreamArn": "arn:aws:kinesis:us-east-1:1:stream/abcdefghijklmnop",
            "UpdateKinesisStreamingConfiguration": {"ApproximateCreationDateTimePrecision": "SECOND"},
        },
        "Value 'SECOND' at",
    ),
    Case("events", "PutRule", {"Name": "Invalid Name With Spaces!"}, "Value 'Invalid Name With Spaces!'"),
    Case("events", "PutTargets", {"Rule": "r", "Targets": [{"Id": "!@#$@!#$", "Arn": "a"}]}, "Value '!@#$@!#$'"),
    Case(
        "events",
        "PutTargets",
        {"Rule": "r", "Targets": [{"Id": "x" * 65, "Arn": "a"}]},
        "Value 'second-invalid-target-id'",
        ("second-invalid-target-id", "x" * 65),
    ),
    Case(
        "lambda",
        "CreateAlias",
        {
            "FunctionName": "f",
            "Name": "a",
            "FunctionVersion": "1",
            "RoutingConfig": {"AdditionalVersionWeights": {"$LATEST": 0.5}},
        },
        "Value '{$LATEST=0.5}'",
    ),
    Case(
        "lambda",
        "UntagResource",
        {"Resource": "arn:aws:lambda:us-east-1:123456789012:function:f"},
        "Value null at 'tagKeys'",
    ),
    Case(
        "lambda", "CreateFunctionUrlConfig", {"FunctionName": "f", "AuthType": "NONE", "Qualifier": "2"}, "Value '2' at"
    ),
    Case(
        "lambda",
        "CreateFunctionUrlConfig",
        {"FunctionName": "f", "AuthType": "NONE", "Qualifier": "$LATEST"},
        "Value '$LATEST' at",
    ),
    Case(
        "lambda",
        "AddPermission",
        {"FunctionName": "f", "StatementId": "example.com", "Action": "lambda:InvokeFunction", "Principal": "p"},
        "Value 'example.com' at",
    ),
    Case(
        "lambda", "CreateFunction", {"FunctionName": "f", **FUNCTION, "Architectures": ["X86_64"]}, "Value '[X86_64]'"
    ),
    Case("lambda", "ListFunctions", {"FunctionVersion": "invalid"}, "Value 'invalid' at 'functionVersion'"),
    Case(
        "lambda",
        "ListLayers",
        {"CompatibleRuntime": "runtimedoesnotexist"},
        "Value 'runtimedoesnotexist'",
        model_differs=True,
    ),
    Case("lambda", "ListLayers", {"CompatibleArchitecture": "archdoesnotexist"}, "Value 'archdoesnotexist'"),
    Case(
        "lambda",
        "PublishLayerVersion",
        {
            "LayerName": "l",
            "Content": {},
            "CompatibleRuntimes": ["invalidruntime", "invalidruntime2", "nodejs20.x"],
            "CompatibleArchitectures": ["invalidarch", "x86_64"],
        },
        "Value '[invalidruntime,",
        model_differs=True,
    ),
    Case(
        "lambda",
        "CreateFunction",
        {"FunctionName": "f", **FUNCTION, "Layers": ["arn:aws:lambda:us-east-1:111111111111:layer:l"]},
        f"Value '[{LAYER}]'",
        (LAYER, "arn:aws:lambda:us-east-1:111111111111:layer:l"),
        model_differs=True,
    ),
    Case(
        "lambda",
        "CreateEventSourceMapping",
        {"FunctionName": "f", "StartingPosition": "invalid"},
        "Value 'invalid' at 'startingPosition'",
    ),
    Case(
        "lambda",
        "CreateFunction",
        {"FunctionName": "invalid:function:name", **FUNCTION},
        "Value 'invalid:function:name'",
        model_differs=True,
    ),
    Case(
        "lambda",
        "GetFunction",
        {"FunctionName": "arn:aws:lambda:us-east-1:123400000000@function:myfn"},
        "Value 'arn:<partition>:lambda:<region>:123400000000@",
        ("arn:<partition>:lambda:<region>:123400000000@", "arn:aws:lambda:us-east-1:123400000000@"),
    ),
    Case(
        "lambda",
        "PutFunctionRecursionConfig",
        {"FunctionName": "f", "RecursiveLoop": "InvalidValue"},
        "Value 'InvalidValue'",
    ),
    Case(
        "lambda",
        "ListTags",
        {"Resource": "arn:aws:lambda:us-east-1:111111111111:foobar:x"},
        f"Value '{TAGGED}'",
        (TAGGED, "arn:aws:lambda:us-east-1:111111111111:foobar:x"),
        model_differs=True,
    ),
    Case(
        "lambda",
        "CreateFunction",
        {"FunctionName": "f", **FUNCTION, "VpcConfig": {"SubnetIds": ["bad"]}},
        "Value '[<subnet_id_2>]'",
        ("<subnet_id_2>", "bad"),
    ),
    Case(
        "lambda",
        "CreateFunction",
        {"FunctionName": "f", **FUNCTION, "VpcConfig": {"SecurityGroupIds": ["bad"]}},
        "Value '[<security_group_id_2>]'",
        ("<security_group_id_2>", "bad"),
    ),
    Case("logs", "PutDeliveryDestination", {"name": "n", "outputFormat": "foobar"}, "Value 'foobar' at"),
    Case(
        "sns",
        "Publish",
        {"Message": "m", "MessageAttributes": {"attr1": {"StringValue": "v"}}},
        "Value null at 'messageA",
    ),
    Case(
        "sns",
        "PublishBatch",
        {
            "TopicArn": "t",
            "PublishBatchRequestEntries": [
                {"Id": "1", "Message": "m", "MessageAttributes": {"attr1": {"StringValue": "v"}}}
            ],
        },
        "Value null at 'publishBatch",
    ),
    Case(
        "sts",
        "AssumeRole",
        {"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "Session1:2"},
        "Value 'Session1:2'",
    ),
]


def recorded() -> list[dict[str, str]]:
    if not RECORDED.exists():
        pytest.skip("the recordings are not beside this repository")
    with RECORDED.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.service}-{case.operation}-{case.recorded[:30]}")
def test_a_broken_constraint_is_told_in_the_words_of_aws(case: Case) -> None:
    rows = [row for row in recorded() if row["service"].strip("_") == case.service and case.recorded in row["message"]]
    assert rows, "no such recording"
    said = refused(case.service, case.operation, case.parameters)
    expected = rows[0]["message"]
    if case.replaced[0]:
        expected = expected.replace(*case.replaced)
    assert (said.code, said.status) == (rows[0]["code"], int(rows[0]["http"]))
    assert alike(said.message, case) == alike(expected, case)


def test_the_older_operations_of_logs_call_it_an_invalid_parameter() -> None:
    parameters = {
        "logGroupName": "g",
        "filterName": "f",
        "filterPattern": "",
        "metricTransformations": [{"metricName": LONG, "metricNamespace": "n", "metricValue": "1"}],
    }
    said = refused("logs", "PutMetricFilter", parameters)
    assert said.code == "InvalidParameterException"
    assert said.message.endswith("failed to satisfy constraint: Member must have length less than or equal to 255")


def refused(service: str, operation: str, parameters: dict[str, Any]) -> AwsError:
    """The error with which the request is refused."""
    protocol = oracle.protocols(service)[0]
    model = oracle.load(service, protocol).operation_model(operation)
    request = oracle.request(model, protocol, parameters, profile(service).scope)
    with pytest.raises(AwsError) as caught:
        Wire(Settings()).parse(request)
    return caught.value


def alike(message: str, case: Case) -> list[str]:
    """AWS lists problems and enum values in the order of a Java hash set, on which nobody can rely: sorted."""
    if case.model_differs:
        message = re.sub(r"enum value set: \[[^\]]*\]|regular expression pattern: .*", "…", message)
    message = re.sub(r"enum value set: \[([^\]]*)\]", lambda found: str(sorted(found[1].split(", "))), message)
    count, _, problems = message.partition(": ")
    return [count, *sorted(problems.split("; "))]
