"""The `lambent` command: one file per command, each a client of the endpoint like any other."""
