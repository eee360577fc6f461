"""End in order when somebody asks: what was begun is taken back first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def end_in_order() -> Iterator[None]:
    """While this lasts, SIGTERM and SIGHUP unwind what runs, as Ctrl-C does. The exit status is 128 + the signal."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [
        found
        for found in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(found) == signal.SIG_DFL
    ]
    for number in numbers:
        signal.signal(number, _unwind)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _unwind(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
