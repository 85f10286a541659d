"""Accepted asynchronous invocations: taken in, tried, retried, and brought to an end that somebody can find."""
