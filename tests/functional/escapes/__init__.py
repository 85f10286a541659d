"""Attempts to get out of a sandbox, deployed as the code of a function. Standard library only, Python 3.8 syntax."""
