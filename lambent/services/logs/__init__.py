"""Amazon CloudWatch Logs: the logs of functions, and what clients put beside them."""
