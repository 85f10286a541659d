"""A husk's own network: its cable to the machine, and what listens in there for the host to answer on.

The messages come ready-made from the agent (lambent/sandbox/netlink.py); here they are only sent from the right side.
"""

import os
import socket
import struct

_ERROR = 2  # NLMSG_ERROR, which also carries "no error". Source: netlink(7)


def routing_socket():
    """A routing socket of the present network namespace, which stays its own when the process leaves."""
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)


def connect(wanted, machine):
    """Lay the cable. `machine` is a routing socket from before the machine's network was left; it is closed.

    Returns the sockets that the agent is to have, by name.
    """
    inside = routing_socket()
    if wanted.get("cable"):
        lay(wanted, machine, inside)
    machine.close()
    given = {}
    if wanted.get("endpoint"):
        given["endpoint"] = listen(("127.0.0.1", wanted["endpoint"]))
    if wanted.get("hand_over"):
        given["routing"] = inside
    else:
        inside.close()
    return given


def lay(wanted, machine, inside):
    namespace = os.open("/proc/self/ns/net", os.O_RDONLY)
    os.dup2(namespace, wanted["namespace"])  # the message names it
    os.close(namespace)
    ask(machine, wanted["cable"])
    os.close(wanted["namespace"])
    for message in wanted["inside"]:
        ask(inside, message)
    for message in wanted["outside"]:
        ask(machine, message)


def listen(address):
    """A socket that listens inside this network namespace; the host answers on it."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.listen(16)
    return listener


def ask(sock, message):
    """Have the kernel do what `message`, in hexadecimal digits, says. Raises OSError with the kernel's reason."""
    sock.send(bytes.fromhex(message))
    kind, number = struct.unpack_from("4xH10xi", sock.recv(65536))
    if kind == _ERROR and number:
        raise OSError(-number, "the kernel's routing socket: {}".format(os.strerror(-number)))
