"""AWS's bandwidth rule for streamed responses, with time as an argument."""

import pytest

from lambent.invoke.pacing import BURST, RATE, Bucket

MB = 1024 * 1024


def test_the_first_six_megabytes_go_at_once_and_the_next_byte_waits():
    bucket = Bucket()
    assert [bucket.take(MB, 0.0) for _ in range(6)] == [0.0] * 6
    assert bucket.take(1, 0.0) == pytest.approx(1 / RATE)
    assert (BURST, RATE) == (6 * MB, 2 * MB)


def test_beyond_them_a_stream_gets_two_megabytes_a_second():
    bucket, now = Bucket(), 0.0
    for _ in range(26 * 8):
        now += bucket.take(MB // 8, now)
    assert now == pytest.approx((26 - 6) / 2)


def test_a_stream_slower_than_the_rate_never_waits():
    bucket = Bucket()
    assert [bucket.take(MB, at / 2) for at in range(100)] == [0.0] * 100


def test_who_was_silent_for_long_may_burst_once_more_and_no_further():
    bucket = Bucket()
    bucket.take(BURST, 0.0)
    assert bucket.take(BURST, 1000.0) == 0.0
    assert bucket.take(2 * MB, 1000.0) == 1.0
