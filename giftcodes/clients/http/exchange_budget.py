"""The budget of one exchange: its deadlines, its bytes, and whether anything was sent."""

from __future__ import annotations

import time
from contextvars import ContextVar

from giftcodes.clients.http.destinations import PrivateHosts

#: Bytes allowed for the status line, headers and chunk framing, in addition to twice the body.
_OVERHEAD_BYTES = 64 * 1024


class AnswerTooLongError(Exception):
    """The answer has more bytes than the exchange may read."""


class Budget:
    """The time and bytes that are left for one exchange, which runs on one thread.

    Args:
        total_seconds: the limit for the exchange, from now.
        connect_seconds: the part of `total_seconds` that connecting may take.
        max_bytes: the longest body, after decompression.
        private_hosts: the private hosts that may be connected to. If None, every host is allowed.
    """

    def __init__(
        self,
        *,
        total_seconds: float,
        connect_seconds: float,
        max_bytes: int,
        private_hosts: PrivateHosts | None = None,
    ) -> None:
        now = time.monotonic()
        self._total_seconds = total_seconds
        self._ends_at = now + total_seconds
        self._connect_ends_at = now + min(connect_seconds, total_seconds)
        self._bytes_left = 2 * max_bytes + _OVERHEAD_BYTES
        self._private_hosts = private_hosts
        #: Set just before the first byte of a request is passed to the kernel. From then on the
        #: request may have arrived.
        self.sent = False

    def seconds_left(self) -> float:
        """Return the seconds left for the exchange, always more than 0.

        Raises:
            TimeoutError: no time is left.
        """
        return _positive(
            self._ends_at - time.monotonic(), f"the limit of {self._total_seconds:g} s is over"
        )

    def connect_seconds_left(self) -> float:
        """Return the seconds left for connecting (DNS, TCP, TLS), always more than 0.

        Raises:
            TimeoutError: no time is left.
        """
        return _positive(self._connect_ends_at - time.monotonic(), "not connected in time")

    def check_address(self, address: str) -> None:
        """Check an IP address just before a connection to it.

        Raises:
            ForbiddenAddressError: connecting to the address is not allowed.
        """
        if self._private_hosts is not None:
            self._private_hosts.check(address)

    def spend_bytes(self, count: int) -> None:
        """Count bytes that were read from the network and are not yet decompressed.

        Raises:
            AnswerTooLongError: more bytes were read than an answer may have.
        """
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise AnswerTooLongError("more bytes than an answer may have")


def _positive(seconds: float, complaint: str) -> float:
    if seconds <= 0:
        raise TimeoutError(complaint)
    return seconds


#: The budget of this thread's exchange. It cannot be passed as an argument, because urllib3 opens
#: and reuses the connections.
CURRENT: ContextVar[Budget] = ContextVar("CURRENT")
