"""Which functions have a route out, and which are led back to Lambent."""

import os
import socket
from collections.abc import Callable
from typing import Any

import pytest
from sandbox_samples import version

from lambent.sandbox.surroundings import Surroundings

ADDRESS = "http://127.0.0.1:5000"


class Doors:
    def __init__(self) -> None:
        self.opened: list[socket.socket] = []

    def open(self, listener: socket.socket) -> Callable[[], None]:
        self.opened.append(listener)
        return listener.close


@pytest.mark.parametrize(
    ("subnets", "network"),
    [((), "host"), (("subnet-1",), "host"), (("subnet-9",), "none"), (("subnet-1", "subnet-9"), "none")],
)
def test_a_vpc_has_a_route_out_only_if_all_its_subnets_have_one(subnets: tuple[str, ...], network: str) -> None:
    routed = frozenset({"subnet-1", "subnet-2"})
    assert Surroundings(routed).network(version(subnets=subnets)) == network


@pytest.mark.parametrize(
    ("environment", "own_network", "variables"),
    [
        ({}, False, {"AWS_ENDPOINT_URL": ADDRESS}),
        ({}, True, {}),
        ({"AWS_ENDPOINT_URL": "http://elsewhere"}, False, {}),
        ({"AWS_ENDPOINT_URL_S3": "http://elsewhere"}, False, {}),
    ],
)
def test_aws_clients_are_led_here_unless_they_are_led_elsewhere(
    environment: dict[str, str], own_network: bool, variables: dict[str, str]
) -> None:
    surroundings = Surroundings(door=Doors(), address=lambda: ADDRESS)
    assert surroundings.variables(environment, None, own_network=own_network) == variables


def test_without_a_door_nothing_leads_here_and_the_socket_is_closed() -> None:
    surroundings, fd = Surroundings(), os.open(os.devnull, os.O_RDONLY)
    assert surroundings.variables({}, None, own_network=False) == {}
    assert surroundings.open(fd) is None
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_a_sandboxs_own_socket_is_opened_and_named() -> None:
    doors: Any = Doors()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port, fd = listener.getsockname()[1], listener.detach()
    surroundings = Surroundings(door=doors)

    assert surroundings.variables({}, fd, own_network=True) == {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
    close = surroundings.open(fd)
    assert doors.opened[0].fileno() == fd
    assert close is not None
    close()
