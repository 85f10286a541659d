"""Queues, topics, buses, buckets and functions that are elsewhere: AWS itself, or whatever speaks its protocols."""
