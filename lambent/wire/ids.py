"""Request ids: cheap, unique, and of the shape that clients expect. They are names, not secrets."""

from random import Random

_random = Random()  # seeded by the operating system
# The last two groups stay the same for a process: 60 random bits a request are enough, and cost half as much.
_PROCESS = f"a{_random.getrandbits(12):03x}-{_random.getrandbits(48):012x}"


def request_id() -> str:
    """A version 4 UUID, as every service but S3 gives."""
    text = _random.getrandbits(64).to_bytes(8, "big").hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:]}-{_PROCESS}"


def s3_request_id() -> str:
    """Sixteen capital letters and digits."""
    return f"{_random.getrandbits(64):016X}"
