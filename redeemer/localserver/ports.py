"""Ports on this machine."""

from __future__ import annotations

import errno
import secrets
import socket

from redeemer.localserver.errors import CannotStartError

#: Below the ports that the kernel lends to outgoing connections, so that a server that died gets its own back.
_FIRST, _LAST = 20_000, 32_000


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now.

    Raises:
        OSError: `host` is no address of this machine, or the port is not for this user.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def pick(preferred: int | None = None) -> int:
    """A port of 127.0.0.1 that nobody uses: `preferred` if it is free."""
    if preferred is not None and is_free(preferred):
        return preferred
    for _ in range(200):
        port = _FIRST + secrets.randbelow(_LAST - _FIRST)
        if is_free(port):
            return port
    raise CannotStartError(f"No free port between {_FIRST} and {_LAST} on 127.0.0.1.")
