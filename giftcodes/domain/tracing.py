"""Traces: how long each step takes on a code's way from the poll to the record of an answer.

Steps report their spans here. Without a tracer, nothing is recorded and nothing is loaded.
`redeemer.tracing` installs one if the environment names a collector.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Value = str | int | float | bool


class Tracer(Protocol):
    """What records the spans."""

    def span(self, name: str, values: dict[str, Value]) -> AbstractContextManager[None]:
        """A span around a block, below the current one."""

    def note(self, values: dict[str, Value]) -> None:
        """Add values to the current span."""

    def headers(self) -> dict[str, str]:
        """The headers that let the receiver of a message go on with the current trace."""


_tracer: Tracer | None = None


def install(tracer: Tracer | None) -> None:
    """Record the spans of this process from now on. None ends it."""
    global _tracer
    _tracer = tracer


@contextmanager
def span(name: str, **values: Value) -> Iterator[None]:
    """Record how long a block takes.

    Args:
        name: the step, in a few words.
        values: what it is about. Give ids and kinds only: a collector may belong to other people,
            so no player ID, name, code or address may be among the values.
    """
    if _tracer is None:
        yield
        return
    with _tracer.span(name, values):
        yield


def note(**values: Value) -> None:
    """Add values to the current span, such as its result. Only ids and kinds, as in `span`."""
    if _tracer is not None:
        _tracer.note(values)


def headers() -> dict[str, str]:
    """The headers for a message, so that its task belongs to the same trace."""
    return {} if _tracer is None else _tracer.headers()
