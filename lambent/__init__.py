"""Lambent: AWS Lambda on your own machines, with the footguns taken out."""

__version__ = "0.1.0"
