"""Subscriptions to telemetry: what is valid, what each fault is called, what a buffer holds and drops."""

import json

import pytest

from lambent.sandbox.telemetry_buffer import QUEUED_BATCHES_BYTES, Buffer
from lambent.sandbox.telemetry_rules import Buffering, check

URI = "http://sandbox.localdomain:8080"
VALID = {"schemaVersion": "2022-12-13", "types": ["platform"], "destination": {"protocol": "HTTP", "URI": URI}}


def faults(**changes):
    asked = {name: value for name, value in (VALID | changes).items() if value is not None}
    found, wrong = check(json.dumps(asked).encode())
    assert (found is None) == bool(wrong)
    return wrong


def test_a_subscription_has_awss_defaults():
    found, wrong = check(json.dumps(VALID).encode())
    assert wrong == []
    assert found.buffering == Buffering(10_000, 262_144, 1_000)
    assert (found.protocol, found.host, found.port, found.path) == ("HTTP", "sandbox.localdomain", 8080, "/")


@pytest.mark.parametrize("schema", ["2022-07-01", "2022-12-13", "2025-01-29"])
def test_every_schema_of_awss_is_taken(schema):
    assert faults(schemaVersion=schema) == []


@pytest.mark.parametrize("schema", ["2020-08-15", "", 1, None])
def test_any_other_schema_is_refused(schema):
    assert "schemaVersion should be one of" in faults(schemaVersion=schema)[0]


@pytest.mark.parametrize(
    ("types", "fault"),
    [
        ([], "types should not be empty"),
        (None, "types should not be empty"),
        ("platform", "types should not be empty"),
        (["platform", "all"], "types should be of platform, function, extension, not all"),
    ],
)
def test_types_are_some_of_three(types, fault):
    assert faults(types=types) == [fault]


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("maxItems", 1_000, 10_000), ("maxBytes", 262_144, 1_048_576), ("timeoutMs", 25, 30_000)],
)
def test_buffering_has_limits(name, least, most):
    assert faults(buffering={name: least}) == faults(buffering={name: most}) == []
    for value in (least - 1, most + 1, str(least), True, 1.5):
        assert faults(buffering={name: value}) == [f"{name} should be between {least} and {most}"]


@pytest.mark.parametrize(
    ("destination", "fault"),
    [
        (None, "destination is not provided"),
        ({"protocol": "UDP", "URI": URI}, "protocol should be HTTP or TCP"),
        ({"protocol": "HTTP"}, "URI is not provided"),
        ({"protocol": "HTTP", "URI": "http://sandbox.localdomain"}, "URI port is not provided"),
        ({"protocol": "HTTP", "URI": "http://elsewhere:8080"}, "URI host should be sandbox.localdomain"),
        ({"protocol": "HTTP", "URI": "http://sandbox.localdomain:9001"}, "URI port 9001 is reserved"),
        ({"protocol": "HTTP", "URI": "http://sandbox.localdomain:99999"}, "URI is not valid"),
        ({"protocol": "TCP"}, "port is not provided"),
        ({"protocol": "TCP", "port": 9001}, "port 9001 is reserved"),
        ({"protocol": "TCP", "port": 70000}, "port should be between 1 and 65535"),
        ({"protocol": "TCP", "port": "80"}, "port is not provided"),
    ],
)
def test_a_destination_is_a_port_inside_that_is_not_the_platforms(destination, fault):
    assert faults(destination=destination)[0].startswith(fault)


def test_several_faults_are_told_together():
    assert faults(types=[], destination={"protocol": "HTTP", "URI": "http://sandbox.localdomain"}) == [
        "types should not be empty",
        "URI port is not provided",
    ]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null"])
def test_what_is_no_object_is_refused(body):
    assert check(body)[1][0].startswith("failed to parse JSON")


def test_a_tcp_destination_may_be_a_uri_too():
    found, _ = check(json.dumps(VALID | {"destination": {"protocol": "TCP", "URI": "tcp://sandbox:81"}}).encode())
    assert (found.protocol, found.port) == ("TCP", 81)


# -- the buffer


def buffer(**limits):
    return Buffer(Buffering(**({"max_items": 3, "max_bytes": 100, "timeout_ms": 500} | limits)))


def test_a_batch_goes_out_when_it_has_enough_events():
    one = buffer()
    assert [one.add(b"x", 0.0) for _ in range(3)] == [False, False, True]
    assert one.take().events == [b"x"] * 3
    assert one.empty


def test_a_batch_goes_out_before_it_would_be_too_large():
    one = buffer(max_items=1000)
    assert one.add(b"x" * 60, 0.0) is False
    assert one.add(b"y" * 60, 0.0) is True
    assert one.take().events == [b"x" * 60]
    assert one.open.events == [b"y" * 60]


def test_a_batch_goes_out_when_its_time_has_come_and_not_before():
    one = buffer()
    assert not one.expire(10.0)
    one.add(b"x", 10.0)
    assert not one.expire(10.4)
    assert one.expire(10.5)
    assert one.take().events == [b"x"]
    assert one.take() is None


def test_what_a_slow_listener_does_not_take_is_dropped_and_counted():
    one = buffer(max_items=1, max_bytes=1 << 20)
    size = 1 << 20
    for _ in range(QUEUED_BATCHES_BYTES // size + 2):
        one.add(b"x" * size, 0.0)
    assert one.take_dropped() == (2 * size, 2)
    assert one.take_dropped() == (0, 0)
    assert len(one.queue) == QUEUED_BATCHES_BYTES // size
