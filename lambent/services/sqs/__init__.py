"""Amazon SQS: standard and FIFO queues on the durable queue's database."""
