"""Signed zips: the format of AWS Signer as far as it is public, keys to sign with, and what a signature is worth."""
