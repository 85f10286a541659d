"""Application Auto Scaling, for the provisioned concurrency of functions."""
