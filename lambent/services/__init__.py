"""AWS services beside Lambda that Lambent serves."""
