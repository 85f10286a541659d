"""HTTP bytes to AWS operations and parameters and back, for every AWS protocol, driven by botocore's service models."""
