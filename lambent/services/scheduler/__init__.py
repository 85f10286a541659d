"""Amazon EventBridge Scheduler: one-time and recurring schedules of functions, queues, topics and buses."""
