"""How fast a streamed response may go to its client: a decision over bytes and time, without a clock."""

BURST = 6 * 1024 * 1024  # bytes that go as fast as they can (AWS: the first 6 MB of a response)
RATE = 2 * 1024 * 1024  # bytes a second from then on


class Bucket:
    """Tokens for bytes: full at first, and filled up again at the rate. Time is an argument, in monotonic seconds."""

    def __init__(self, burst: int = BURST, rate: int = RATE) -> None:
        self._burst = burst
        self._rate = rate
        self._tokens = float(burst)  # below 0: borrowed by the piece that has to wait
        self._at: float | None = None

    def take(self, size: int, now: float) -> float:
        """How many seconds the next `size` bytes have to wait; 0 for at once."""
        if self._at is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        self._tokens -= size
        return max(0.0, -self._tokens / self._rate)
