"""Celery's transport for Redis, which drops list elements that are not messages, and saves time.

Kombu reads an element of a list and delivers it in one step. An element that is not a message
raises an error in the worker's event loop, which ends the worker. Such elements can come from other
programs that use the same broker, or from a person who wrote to it by hand.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES

from giftcodes.domain import log_lines


@contextmanager
def _without(package: str) -> Iterator[None]:
    """Let the modules that are imported in this block behave as if a package were not installed."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment] # This makes its import fail.
    try:
        yield
    finally:
        del sys.modules[package]


# The client of Redis loads OpenTelemetry's metrics if they are installed. They are not read, but
# they would take memory in each process (redeemer.tracing loads what it needs).
with _without("opentelemetry"):
    from kombu.transport import redis

#: What kombu raises for an element that is not JSON, is not a message, or has no readable body. A
#: lost connection raises other errors, or leaves the client without a connection.
_NOT_A_MESSAGE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
#: At most one line is logged in this many seconds, because a list can hold many such elements.
_SECONDS_BETWEEN_LINES = 60.0


class TolerantChannel(redis.Channel):
    """A channel that drops elements that are not messages, and keeps one client.

    Dropping an element loses no work, because the database is the queue.
    """

    _reported_at: float | None = None
    _dropped = 0
    _shared_client: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        """Return a client of the broker.

        Kombu makes a new one for each command, which takes longer than the command. A client of the
        pool has no state, so threads may share it.
        """
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[misc]
        if self._shared_client is None or self._shared_client.connection_pool is not self.pool:
            self._shared_client = super()._create_client()  # type: ignore[misc]
        return self._shared_client

    def _brpop_read(self, **options: Any) -> Any:
        """Read and deliver one element.

        Raises:
            Empty: there was no element, or it was not a message. The caller then waits for the next
                one.
        """
        try:
            return super()._brpop_read(**options)  # type: ignore[misc] # A private method.
        except _NOT_A_MESSAGE as error:
            if self.client.connection is None:
                raise  # The connection was lost.
            self._report(error)
            raise Empty from None

    def _report(self, error: Exception) -> None:
        self._dropped += 1
        now = time.monotonic()
        if self._reported_at is not None and now - self._reported_at < _SECONDS_BETWEEN_LINES:
            return
        # The element is not shown, because it may contain anything.
        log_lines.warning(
            f"The broker's list had {self._dropped} element(s) that are no messages of ours "
            f"({type(error).__name__}); dropped. Does another program use the same REDIS_URL?"
        )
        self._reported_at, self._dropped = now, 0


class TolerantTransport(redis.Transport):
    """Kombu's transport for Redis, with our channel."""

    Channel = TolerantChannel


def install() -> None:
    """Use this transport for redis:// and rediss:// addresses instead of kombu's own."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:{TolerantTransport.__name__}"
