"""Amazon SNS: standard and FIFO topics, whose messages go to functions, queues and HTTP endpoints."""
