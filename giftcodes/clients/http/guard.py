"""The rule about private addresses, for libraries that open their own connections.

Before a connection is made, Python reports it to its audit hooks (PEP 578, event `socket.connect`)
with the address that is passed to the socket. An error in the hook prevents the connection. So the
rule holds for every library, even if a name's address has changed since it was checked.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from giftcodes.clients.http.destinations import ForbiddenAddressError, PrivateHosts

_EVENTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})


class Guard:
    """The rule for the connections of one thread.

    Args:
        private_hosts: the private hosts that the thread may connect to.
    """

    def __init__(self, private_hosts: PrivateHosts) -> None:
        self._private_hosts = private_hosts
        #: Whether a connection was prevented.
        self.has_refused = False
        #: Whether a connection was allowed. If so, something may have been sent.
        self.has_connected = False

    def check(self, address: object) -> None:
        """Check the address of a socket.

        Raises:
            ForbiddenAddressError: the address is not allowed. Unix sockets are never allowed.
        """
        # The path of a Unix socket is not an IP address, so it is refused.
        host = address[0] if isinstance(address, tuple) else ""
        try:
            self._private_hosts.check(str(host))
        except ForbiddenAddressError:
            self.has_refused = True
            raise
        self.has_connected = True


_GUARD: ContextVar[Guard | None] = ContextVar("_GUARD", default=None)


@contextmanager
def guarded(private_hosts: PrivateHosts) -> Iterator[Guard]:
    """Apply the rule to all connections that this thread makes inside the `with` block."""
    _install()
    guard = Guard(private_hosts)
    token = _GUARD.set(guard)
    try:
        yield guard
    finally:
        _GUARD.reset(token)


@functools.cache
def _install() -> None:
    # A hook cannot be removed, so it is installed only when it is first needed.
    sys.addaudithook(_on_event)


def _on_event(event: str, args: tuple[Any, ...]) -> None:
    if event not in _EVENTS:
        return
    guard = _GUARD.get()
    if guard is not None:
        guard.check(args[1])
