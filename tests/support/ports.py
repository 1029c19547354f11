"""Ports for servers that must know theirs before they listen, or again after they were stopped."""

from __future__ import annotations

import random
import socket

# Below those that the system gives to clients and to servers without a wish (32768 and up on Linux): between our
# looking and our listening, any of the tests beside this one could be given such a port.
_FIRST, _LAST = 12_000, 32_000


def free_port() -> int:
    """A port of the loopback interface where nobody listens."""
    while True:
        port = random.SystemRandom().randint(_FIRST, _LAST)
        with socket.socket() as probe:
            # As servers do: what a connection left behind is no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
