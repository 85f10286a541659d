"""What an order to a zygote begins with: how pid 1 sets its sandbox up, in words that birth.c reads as they are."""

import struct
from collections.abc import Iterator, Mapping
from typing import Any

API_PORT = 9001
_ORDER = struct.Struct("16s7I")  # struct order: husk, text, init_uid, api, endpoint, namespace, hand_over, count
_MESSAGE = struct.Struct("2I")  # struct message: inside, size


def head(husk: str, init_uid: int, network: Mapping[str, Any]) -> bytes:
    """The beginning of the datagram, behind which the JSON comes. `network` is as Network.order has it, or empty."""
    messages = list(_messages(network)) if network.get("cable") else []
    packed = b"".join(_MESSAGE.pack(inside, len(data)) + data + bytes(-len(data) % 4) for inside, data in messages)
    endpoint, namespace = network.get("endpoint", 0), network.get("namespace", 0)
    hand_over = int(network.get("hand_over", False))
    size = _ORDER.size + len(packed)
    return _ORDER.pack(husk.encode(), size, init_uid, API_PORT, endpoint, namespace, hand_over, len(messages)) + packed


def _messages(network: Mapping[str, Any]) -> Iterator[tuple[bool, bytes]]:
    """In the order in which they are sent; True: from inside the new network."""
    yield False, bytes.fromhex(network["cable"])
    for inside, texts in ((True, network["inside"]), (False, network["outside"])):
        for text in texts:
            yield inside, bytes.fromhex(text)
