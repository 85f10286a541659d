"""What a network of its own adds to making a husk, with up to a thousand of them alive. Needs root and nftables.

    python benchmarks/network.py [--husks 1000]

Each husk is stood for by a process that enters a network namespace and lays its cable with the guest's own code.
"""

import argparse
import json
import os
import platform
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(1, os.path.join(sys.path[0], "guest", "zygote"))

import kernel
import network as guest

from benchmarks._measure import row
from lambent.sandbox.network import Network, NetworkPlan, establish

INSTANCE = f"{os.getpid():012x}"


def make(network: Network, name: str) -> tuple[int, float]:
    """A living stand-in for a husk, and the milliseconds that its cable took."""
    order = network.order(name)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        machine = guest.routing_socket()
        kernel.unshare(kernel.CLONE_NEWNET)
        kernel.loopback_up()
        began = time.perf_counter()
        guest.connect(order, machine)
        os.write(write, json.dumps((time.perf_counter() - began) * 1000).encode())
        signal.pause()
    os.close(write)
    try:
        return pid, float(os.read(read, 64))
    finally:
        os.close(read)


def attach(network: Network, name: str) -> tuple[int, float]:
    """The same for a clone, whose cable the agent lays from outside."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        kernel.unshare(kernel.CLONE_NEWNET)
        kernel.loopback_up()
        os.write(write, b"!")
        signal.pause()
    os.close(write)
    os.read(read, 1)
    os.close(read)
    began = time.perf_counter()
    given = network.attach(name, pid)
    took = (time.perf_counter() - began) * 1000
    for fd in given.values():
        os.close(fd)
    return pid, took


def isolate(network: Network, names: list[str]) -> list[float]:
    times = []
    for name in names:
        began = time.perf_counter()
        network.isolate(name, None)
        times.append((time.perf_counter() - began) * 1000)
    return times


def main(husks: int) -> None:
    network = establish(NetworkPlan(endpoint_port=4566), INSTANCE, "full")
    if not network.routed:
        sys.exit(f"there is nothing to measure: {'; '.join(network.warnings)}")
    pids = []
    try:
        made = [make(network, f"h{number}") for number in range(husks)]
        pids += [pid for pid, _ in made]
        tenth = max(1, husks // 10)
        row("a husk's cable, the first tenth", [took for _, took in made[:tenth]], "p50 < 3 ms")
        row(f"a husk's cable, the last tenth of {husks}", [took for _, took in made[-tenth:]], "p50 < 3 ms")
        attached = [attach(network, f"c{number}") for number in range(100)]
        pids += [pid for pid, _ in attached]
        row("a clone's cable, laid by the agent", [took for _, took in attached], "p50 < 3 ms")
        row(
            "cutting one off, at assignment",
            isolate(network, [f"h{number}" for number in range(tenth)]),
            "p50 < 0.2 ms",
        )
        alive = sum(name.startswith("lb") for _, name in socket.if_nameindex())
        print(f"{'cables at once':<44} n={len(pids):<6} {alive} interfaces", flush=True)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        network.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--husks", type=int, default=1000)
    arguments = parser.parse_args()
    print(f"Network; {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    main(arguments.husks)
