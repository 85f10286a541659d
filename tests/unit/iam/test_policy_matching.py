"""Wildcards, against what they mean, and in a time that nobody can draw out."""

import fnmatch
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.iam.policy_matching import arn_like, wildcard


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("", "", True),
        ("*", "", True),
        ("*", "anything\nat all", True),
        ("**", "", True),
        ("?", "", False),
        ("a*", "a", True),
        ("a*a", "a", False),  # both ends need a letter of their own
        ("a*a", "aa", True),
        ("*ab*ab*", "ab", False),
        ("*ab*ab*", "abab", True),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("a.c", "abc", False),  # nothing else is a sign
        ("[ab]", "a", False),
        ("A", "a", False),
    ],
)
def test_a_pattern_means_the_whole_text(pattern, text, matches):
    assert wildcard(pattern, text) is matches


def test_the_case_of_letters_counts_unless_it_is_said_otherwise():
    assert wildcard("lambda:INVOKE*", "lambda:InvokeFunction", ignore_case=True)
    assert not wildcard("lambda:INVOKE*", "lambda:InvokeFunction")


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_it_is_what_a_shell_would_say(pattern, text):
    assert wildcard(pattern, text) == fnmatch.fnmatchcase(text, pattern)


def test_many_stars_take_no_longer():
    """A backtracking match of this would still be at work tomorrow."""
    began = time.process_time()
    assert not wildcard("*a" * 100 + "*b", "a" * 500)
    assert not arn_like(":".join(["*a" * 50 + "b"] * 6), ":".join(["a" * 500] * 6))
    assert time.process_time() - began < 5.0
