"""Ctrl-C and its relatives."""

from __future__ import annotations

import signal
import time
from types import FrameType

from redeemer.localserver.errors import StopAskedError

#: `make` and a terminal may each deliver the same Ctrl-C.
_SAME_REQUEST_SECONDS = 0.7


class StopRequest:
    """Whether somebody has asked to stop (`asked`), and asked again because it takes too long (`insisted`)."""

    def __init__(self) -> None:
        self.insisted = False
        self._asked_at: float | None = None

    @property
    def asked(self) -> bool:
        """Whether it is time to end."""
        return self._asked_at is not None

    def listen(self) -> None:
        """From now on hear SIGINT, SIGTERM, and SIGHUP unless `nohup` has it ignored."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._hear)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._hear)

    def raise_if_asked(self) -> None:
        """
        Raises:
            StopAskedError: somebody has asked.
        """
        if self.asked:
            raise StopAskedError

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
        elif now - self._asked_at > _SAME_REQUEST_SECONDS:
            self.insisted = True
