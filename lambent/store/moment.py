"""The time of a virtual clock, kept in its data directory: after a restart no date there may lie in the future."""

import math
from pathlib import Path

from lambent.errors import StoreError
from lambent.store.durable import write_whole

FILE = "clock"


class Moment:
    """The file that says how far the clock has come: epoch seconds, written aside and renamed, so that no half one is
    ever read."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE

    def read(self) -> float | None:
        """What was written last; None if the clock was never moved. Raises StoreError."""
        try:
            text = self.path.read_text()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise self._unreadable() from error
        try:
            epoch = float(text)
        except ValueError as error:
            raise self._unreadable() from error
        if not (math.isfinite(epoch) and epoch >= 0):
            raise self._unreadable()
        return epoch

    def write(self, epoch: float) -> None:
        """On disk when it returns. Raises StoreError."""
        try:
            write_whole(self.path, f"{epoch!r}\n".encode(), mode=0o666)
        except OSError as error:
            raise StoreError(f"the time cannot be written to {self.path}: {error.strerror}") from error

    def _unreadable(self) -> StoreError:
        return StoreError(
            f"{self.path} does not say how far the virtual clock had come; write the time into it (seconds since "
            "1970), or remove it to go on at the present time"
        )
