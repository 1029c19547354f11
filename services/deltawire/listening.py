"""Why an address cannot be listened on, in one sentence with the mend."""

from __future__ import annotations

import errno
import socket


class CannotListen(Exception):
    """``section`` is that of the configuration whose ``host`` and ``port`` these are."""

    def __init__(self, section: str, host: str, port: int, error: OSError) -> None:
        super().__init__(_sentence(section, host, port, error))


def _sentence(section: str, host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is in use by another program: stop that one, or set {section}.port to another"
            + (" (0 takes any free port)" if section == "gateway" else "")
        )
    if error.errno == errno.EACCES:
        return f"port {port} needs more rights than this process has: set {section}.port to 1024 or above"
    if error.errno in (errno.EADDRNOTAVAIL, None) or isinstance(error, socket.gaierror):
        return f"{host} is no address of this machine: set {section}.host to 127.0.0.1, or 0.0.0.0 for all"
    return f"cannot listen on {host} port {port}: {error.strerror or error}; set {section}.host and {section}.port"
