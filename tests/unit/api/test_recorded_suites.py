"""The recordings of AWS's common, runtimes and destinations suites: what each of them shows is compared somewhere.

recorded_answers_of_suites.json has all recordings by name, every answer to a creation (whole, without what differs at
each run), and what introspecting and failing functions answered (tests/functional/test_recorded_functions.py).
"""

import json
from pathlib import Path
from typing import Any

import fuzz_run
import pytest
from fuzz_requests import well_formed
from fuzz_values import ACCOUNT, REGION, ZIPS

RECORDED = json.loads((Path(__file__).parent / "recorded_answers_of_suites.json").read_text())
# Members that differ at each run: their presence is compared, and nothing else.
VARYING = {"CodeSha256", "CodeSize", "LastModified", "RevisionId", "RuntimeVersionConfig"}
# What AWS's model of today has and these recordings had not.
YOUNGER = {"ConfigSha256"}
FUNCTIONAL = "tests/functional/test_recorded_functions.py"
# Where the rest of a recording is compared, or why there is nothing to compare.
COVERED = {
    "test_echo_invoke": "nothing was recorded",
    "test_manual_endpoint_injection": "nothing was recorded",
    "test_handler_in_submodule": "nothing was recorded",
    "test_python_runtime_correct_versions": "nothing was recorded",
    "test_introspection_invoke": FUNCTIONAL,
    "test_uncaught_exception_invoke": FUNCTIONAL,
    "test_runtime_wrapper_invoke": "only a creation",
    "test_assess_lambda_destination_invocation": "tests/unit/events/test_letters.py",
    "test_dead_letter_queue": "tests/unit/events/test_letters.py",
    "test_retries": "tests/unit/events/test_letters.py",
    "test_maxeventage": "tests/unit/events/test_letters.py",
    "test_lambda_destination_default_retries": "tests/unit/events/test_letters.py",
    "test_invoke_lambda_eventbridge": "tests/unit/events/test_letters.py",
    "test_multi_line_prints": "tests/unit/observe/test_report.py",
    "test_invoke_nodejs_es6_lambda": "a creation, and what the recorder's own function answers",
    "test_java_runtime_with_lib": "creations, and what the recorder's own functions answer",
    "test_stream_handler": "what the recorder's own function answers",
    "test_serializable_input_object": "a creation, and what the recorder's own function answers",
    "test_java_custom_handler_method_specification": "a creation, and what the recorder's own function answers",
    "test_java_lambda_subscribe_sns_topic": "here",
}


def ours(recorded: Any, names: dict[str, str]) -> Any:
    """With the recorder's placeholders replaced by our names."""
    if isinstance(recorded, dict):
        return {key: ours(value, names) for key, value in recorded.items()}
    if isinstance(recorded, list):
        return [ours(value, names) for value in recorded]
    for placeholder, name in names.items() if isinstance(recorded, str) else ():
        recorded = recorded.replace(f"<{placeholder}>", name)
    return recorded


def asked_for(answer: dict[str, Any]) -> dict[str, Any]:
    """The request that such an answer is given to."""
    members = ("FunctionName", "Runtime", "Role", "Handler", "Timeout", "MemorySize", "Environment", "DeadLetterConfig")
    return {name: answer[name] for name in members if name in answer} | {"Code": {"ZipFile": ZIPS[0]}}


async def test_every_creation_is_answered_as_it_was_recorded():
    """Of all runtimes that AWS still takes; the others are refused, in the words that were recorded of that."""
    wrong, compared = [], set()
    async with fuzz_run.house() as house:
        for number, (name, recorded) in enumerate(RECORDED["created"].items()):
            names = {"partition": "aws", "region": REGION, "resource:1": "any", "resource:2": "any"}
            names |= dict.fromkeys(("function-name:1", "function-name:2", "function-name:3"), f"f{number}")
            expected = ours(recorded, names)
            if "DeadLetterConfig" in expected:
                expected["DeadLetterConfig"]["TargetArn"] = f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead"
            response = await house.frontdoor.answer(well_formed("lambda", "CreateFunction", asked_for(expected)))
            answer = json.loads(response.body)
            if response.status == 400 and f"{expected['Runtime']} is no longer supported" in answer["message"]:
                continue
            given = {key: value for key, value in answer.items() if key not in VARYING | YOUNGER}
            compared.add(expected["Runtime"])
            if (response.status, given) != (201, expected) or not answer.keys() >= VARYING:
                wrong.append(f"{name}: {response.status} {given}\n  recorded: {expected}")
    assert not wrong, "\n".join(wrong)
    assert {"python3.13", "nodejs22.x", "java21", "ruby3.4", "dotnet8", "provided.al2023"} <= compared


async def test_a_permission_for_a_topic_is_the_statement_that_was_recorded():
    """TestJavaRuntimes::test_java_lambda_subscribe_sns_topic."""
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:topic"
    asked = {
        "FunctionName": "alpha", "StatementId": "sid", "Action": "lambda:InvokeFunction",
        "Principal": "sns.amazonaws.com", "SourceArn": topic,
    }  # fmt: skip
    async with fuzz_run.house() as house:
        response = await house.frontdoor.answer(well_formed("lambda", "AddPermission", asked))
    assert response.status == 201
    assert json.loads(json.loads(response.body)["Statement"]) == {
        "Sid": "sid",
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:alpha",
        "Condition": {"ArnLike": {"AWS:SourceArn": topic}},
    }


@pytest.mark.parametrize("suite", ["common", "runtimes", "destinations"])
def test_every_recording_is_accounted_for(suite):
    found = [each for each in RECORDED["recordings"] if each["suite"] == suite]
    assert found
    for each in found:
        why = COVERED[each["test"].split("::")[1].split("[")[0]]
        assert (why == "nothing was recorded") == (not each["steps"]), each
        assert not why.startswith("tests/") or (Path(__file__).parents[3] / why).exists()
