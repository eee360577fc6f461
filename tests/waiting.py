"""Waiting for something that happens in another thread or process."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Longer than anything takes on the slowest machine: only what never happens reaches it.
PATIENCE_SECONDS = 120.0

#: The pause between two looks at the condition: first and last. It grows, because a look at the
#: database of a running system is a new connection each time, and slows the system down.
_PAUSE_SECONDS = (0.01, 0.1)


def wait_for(
    condition: Callable[[], bool], what: str, *, seconds: float = PATIENCE_SECONDS
) -> None:
    """Return as soon as the condition is true.

    Raises:
        AssertionError: it was still false after so many seconds.
    """
    end = time.monotonic() + seconds
    pause, longest = _PAUSE_SECONDS
    while not condition():
        assert time.monotonic() < end, f"Waited {seconds:g} s for {what}."
        time.sleep(pause)
        pause = min(pause * 1.2, longest)
