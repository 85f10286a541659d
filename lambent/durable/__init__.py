"""Durable functions: executions that checkpoint what they did, wait without running, and are invoked again."""
