"""The ports of a lab."""

from __future__ import annotations

import random
import socket
from collections.abc import Sequence

# Below the range from which the kernel takes the ports of outgoing connections: a service's own
# port is not taken between choosing and listening.
_FIRST, _LAST, _BLOCK = 20000, 32000, 20
_TRIES = 200


def choose_ports(names: Sequence[str]) -> dict[str, int]:
    """A port that nobody listens on for each name, out of a block chosen by chance."""
    for _ in range(_TRIES):
        first = random.randrange(_FIRST, _LAST, _BLOCK)  # noqa: S311 - not a secret
        ports = {name: first + number for number, name in enumerate(names)}
        if all(_is_free(port) for port in ports.values()):
            return ports
    raise OSError(f"No {len(names)} free ports in a row between {_FIRST} and {_LAST}.")


def takes_connections(port: int, address: str = "127.0.0.1") -> bool:
    """Whether somebody listens on a port of this machine."""
    try:
        socket.create_connection((address, port), timeout=2).close()
    except OSError:
        return False
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
