"""Waiting for something that happens in another thread or process."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Longer than anything takes on the slowest machine: only what never happens reaches it.
PATIENCE_SECONDS = 120.0


def wait_for(
    condition: Callable[[], bool], what: str, *, seconds: float = PATIENCE_SECONDS
) -> None:
    """Return as soon as the condition is true.

    Raises:
        AssertionError: it was still false after so many seconds.
    """
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"Waited {seconds:g} s for {what}."
        time.sleep(0.02)
