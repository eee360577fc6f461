"""Connections that keep to the budget of their exchange.

The timeouts of `urllib3` apply to each read, so a server that sends a byte now and then, even in
its headers, can block a thread forever. These timeouts do not cover DNS either. Here, the timeout
of every read from the socket is the time that is left for the whole exchange.
"""

from __future__ import annotations

import http.client
import io
import queue
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

import certifi
import urllib3
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from giftcodes.clients.http.destinations import ForbiddenAddressError
from giftcodes.clients.http.exchange_budget import CURRENT, Budget
from giftcodes.domain import failpoints

#: A pooled connection that has been idle for longer than this is not reused. Servers close idle
#: connections after 5 s or more. If a request is sent just when the server closes the connection,
#: its outcome is unknown, which delays the member by a minute.
IDLE_SECONDS = 4.0

#: The number of connections kept for reuse. It is larger than the usual number of threads in a
#: worker.
POOL_SIZE = 64

_Address = tuple[int, int, int, str, Any]


class _BoundedReader(io.RawIOBase):
    """Reads a socket's bytes. The timeout of each read is the time left for the exchange."""

    def __init__(self, sock: socket.socket, budget: Budget) -> None:
        self._sock = sock
        self._file = sock.makefile("rb", buffering=0)
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._budget.seconds_left())
        count: int = self._file.readinto(buffer) or 0
        self._budget.spend_bytes(count)
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


class _BoundedFiles:
    """The part of a socket that http.client needs to read an answer."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, *_args: Any, **_kwargs: Any) -> io.BufferedReader:
        return io.BufferedReader(_BoundedReader(self._sock, CURRENT.get()))


class _BoundedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(_BoundedFiles(sock), *args, **kwargs)  # type: ignore[arg-type]


class _BoundedConnection(HTTPConnection):
    response_class = _BoundedResponse
    _answered_at = float("-inf")

    @property
    def is_connected(self) -> bool:
        """Whether urllib3 may reuse this connection: it is open, and was not idle for too long."""
        return super().is_connected and time.monotonic() - self._answered_at < IDLE_SECONDS

    def _new_conn(self) -> socket.socket:
        budget = CURRENT.get()
        sock = connect(self._dns_host.strip("[]"), self.port or self.default_port, budget)
        try:
            for option in self.socket_options or ():
                sock.setsockopt(*option)
            # A TLS handshake, if there is one, gets what is left of the connect time.
            sock.settimeout(budget.connect_seconds_left())
        except OSError:
            sock.close()
            raise
        return sock

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        budget = CURRENT.get()
        self.sock.settimeout(budget.seconds_left())
        budget.sent = True
        super().send(data)

    # urllib3 itself overrides this method with the same incompatible type.
    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]
        failpoints.hit("after-send")
        response = super().getresponse()
        self._answered_at = time.monotonic()
        return response


class _BoundedTLSConnection(_BoundedConnection, HTTPSConnection):
    """A bounded connection over TLS. The budget counts the bytes after decryption."""


class _BoundedPool(HTTPConnectionPool):
    ConnectionCls = _BoundedConnection


class _BoundedTLSPool(HTTPSConnectionPool):
    ConnectionCls = _BoundedTLSConnection


def bounded_pools(verify: bool | str) -> urllib3.PoolManager:
    """Return pools of bounded connections, one for each host.

    They are used without `requests`. A session of `requests` would read .netrc and proxies from the
    environment (but fair use allows only our own IP address, not that of a proxy), keep cookies,
    and read the whole body of a redirect that is not followed.

    Args:
        verify: True, or a file with the certificates to trust, which only tests use.
    """
    pools = urllib3.PoolManager(
        maxsize=POOL_SIZE,
        cert_reqs="CERT_REQUIRED",
        ca_certs=verify if isinstance(verify, str) else certifi.where(),
    )
    pools.pool_classes_by_scheme = {"http": _BoundedPool, "https": _BoundedTLSPool}
    return pools


def connect(host: str, port: int, budget: Budget) -> socket.socket:
    """Return a socket that is connected to the first of the host's addresses that accepts.

    Each address gets an equal part of the connect time, so that a dead one does not use all of it.

    Raises:
        OSError: the name is unknown, or no address could be reached in time.
        ForbiddenAddressError: none of the host's addresses may be connected to.
    """
    addresses = resolve(host, port, budget.connect_seconds_left())
    problem: OSError | None = None
    for position, (family, kind, protocol, _, address) in enumerate(addresses):
        seconds = budget.connect_seconds_left() / (len(addresses) - position)
        try:
            budget.check_address(str(address[0]))
            return _connected(socket.socket(family, kind, protocol), address, seconds)
        except OSError as error:
            # If an allowed address of the host could not be reached, report that: the host may just
            # be down.
            if problem is None or not isinstance(error, ForbiddenAddressError):
                problem = error
    raise problem or OSError(f"no address for {host}")


def _connected(sock: socket.socket, address: Any, seconds: float) -> socket.socket:
    try:
        sock.settimeout(seconds)
        sock.connect(address)
    except OSError:
        sock.close()
        raise
    return sock


def resolve(host: str, port: int | None, seconds: float) -> Sequence[_Address]:
    """Look up the addresses of a host, in at most `seconds`.

    The system's resolver has no timeout, so it runs in a thread, which is abandoned when the time
    is up.

    Returns:
        One tuple for each address, as `socket.getaddrinfo` returns it. Its last item is a tuple
        that begins with the IP address.

    Raises:
        OSError: the name is unknown, or the lookup took too long.
    """
    found: queue.SimpleQueue[Sequence[_Address] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, ValueError) as error:
            found.put(
                error if isinstance(error, OSError) else OSError(f"{host} is not a host name")
            )

    threading.Thread(target=look_up, name="resolve", daemon=True).start()
    try:
        answer = found.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no address for {host} in time") from None
    if isinstance(answer, OSError):
        raise answer
    return answer
