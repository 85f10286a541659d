"""What event source mappings poll: queues now; streams later. Each mapping has a poller of its own."""
