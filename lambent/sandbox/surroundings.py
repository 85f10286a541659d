"""What a sandbox finds around it: a route out or none, and the public AWS endpoint on its own loopback."""

import os
import socket
from collections.abc import Callable, Mapping
from typing import Protocol

from lambent.model import Version

_ENDPOINT = "AWS_ENDPOINT_URL"


class Door(Protocol):
    """Whoever answers AWS requests (edge.doors)."""

    def open(self, listener: socket.socket) -> Callable[[], None]:
        """Answer what comes in at `listener`, which the door owns from now on. The result closes it again."""
        ...


class Surroundings:
    """As the settings have it. Without a door nobody answers inside, and no variable says otherwise."""

    def __init__(
        self, routed_subnets: frozenset[str] = frozenset(), door: Door | None = None, address: Callable[[], str] = str
    ) -> None:
        self.routed_subnets = routed_subnets
        self.door = door
        self.address = address  # the server's own URL: for plain processes, which share its network

    def network(self, version: Version) -> str:
        """ "none" for a function in a VPC of which any subnet has no route out: on AWS some of its calls would hang."""
        return "host" if self.routed_subnets.issuperset(version.subnets) else "none"

    def variables(
        self, environment: Mapping[str, str], endpoint_fd: int | None, *, own_network: bool
    ) -> dict[str, str]:
        """What leads the AWS clients of a function here, unless its environment leads them elsewhere."""
        if self.door is None or any(name.startswith(_ENDPOINT) for name in environment):
            return {}
        inside = self.inside(endpoint_fd)
        if inside:
            return {_ENDPOINT: inside}
        return {} if own_network else {_ENDPOINT: self.address()}

    def inside(self, endpoint_fd: int | None) -> str:
        """The URL at which the endpoint listens on the sandbox's own loopback; "": nowhere."""
        if self.door is None or endpoint_fd is None:
            return ""
        with socket.socket(fileno=os.dup(endpoint_fd)) as listener:
            return f"http://127.0.0.1:{listener.getsockname()[1]}"

    def open(self, endpoint_fd: int | None) -> Callable[[], None] | None:
        """Have the endpoint answered; the result closes it. Takes the descriptor over."""
        if endpoint_fd is None:
            return None
        if self.door is None:
            os.close(endpoint_fd)
            return None
        return self.door.open(socket.socket(fileno=endpoint_fd))
