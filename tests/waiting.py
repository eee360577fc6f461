"""Waiting for something that happens in another thread or process."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Longer than anything takes on the slowest machine. A wait is this long only if the event never
#: happens.
PATIENCE_SECONDS = 120.0

#: The first and the longest pause between two checks of the condition. The pause grows, because a
#: check that asks the database of a running system opens a connection, and slows the system down.
_PAUSE_SECONDS = (0.01, 0.1)


def wait_for(
    condition: Callable[[], bool], what: str, *, seconds: float = PATIENCE_SECONDS
) -> None:
    """Return as soon as the condition is true.

    Raises:
        AssertionError: the condition was still false after this many seconds.
    """
    end = time.monotonic() + seconds
    pause, longest = _PAUSE_SECONDS
    while not condition():
        assert time.monotonic() < end, f"Waited {seconds:g} s for {what}."
        time.sleep(pause)
        pause = min(pause * 1.2, longest)
