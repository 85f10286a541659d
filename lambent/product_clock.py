"""Which clock the product goes by: a piece of app."""

import asyncio
import logging

from lambent.clock import Clock, RealClock, VirtualClock, iso
from lambent.settings import Settings
from lambent.store.moment import Moment

log = logging.getLogger("lambent")


def product_clock(settings: Settings, real: RealClock) -> Clock:
    """The clock that the settings ask for. A virtual one goes on where it was, but never behind the real time."""
    moment = Moment(settings.data_dir)
    reached, now = moment.read() or 0.0, real.epoch()
    if settings.clock == "virtual":
        return VirtualClock(max(reached, now), lambda epoch: asyncio.to_thread(moment.write, epoch))
    if reached > now:
        log.warning("the virtual clock of %s had come to %s: dates there lie in the future", moment.path, iso(reached))
    return real
