"""The budget of one exchange: until when, how many bytes, and whether anything has left the house."""

from __future__ import annotations

import time
from contextvars import ContextVar

#: Room for the status line, the headers and the framing of chunks, on top of twice the body.
_OVERHEAD_BYTES = 64 * 1024


class AnswerTooLongError(Exception):
    """More bytes came than the exchange may read."""


class Budget:
    """Counts down while an exchange runs. One thread, one exchange."""

    def __init__(self, *, total_seconds: float, connect_seconds: float, max_bytes: int) -> None:
        now = time.monotonic()
        self._total_seconds = total_seconds
        self._ends_at = now + total_seconds
        self._connect_ends_at = now + min(connect_seconds, total_seconds)
        self._bytes_left = 2 * max_bytes + _OVERHEAD_BYTES
        #: True from just before the first byte of a request is handed to the kernel: from then on nobody can
        #: say that the request never arrived.
        self.sent = False

    def seconds_left(self) -> float:
        """Seconds until the end, more than 0.

        Raises:
            TimeoutError: there are none left.
        """
        return _positive(
            self._ends_at - time.monotonic(), f"no time left of {self._total_seconds:g} s"
        )

    def connect_seconds_left(self) -> float:
        """Seconds for finding and reaching the server (DNS, TCP, TLS), more than 0.

        Raises:
            TimeoutError: there are none left.
        """
        return _positive(self._connect_ends_at - time.monotonic(), "not connected in time")

    def spend_bytes(self, count: int) -> None:
        """Count bytes that were read from the network, before they are decompressed.

        Raises:
            AnswerTooLongError: more were read than an answer may have.
        """
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise AnswerTooLongError("more bytes than an answer may have")


def _positive(seconds: float, complaint: str) -> float:
    if seconds <= 0:
        raise TimeoutError(complaint)
    return seconds


#: The budget of the exchange that this thread is making. urllib3 opens and reuses connections by itself, so
#: that there is no argument to hand it down by.
CURRENT: ContextVar[Budget] = ContextVar("CURRENT")
