"""Ask the site now and then whether beat ticks. That the site was asked is what raises the alarm (giftcodes.views)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

#: Beat and the workers are given so long after a start.
GRACE_SECONDS = 60.0
EVERY_SECONDS = 15.0
_STALE = 503


class PulseWatch:
    """Says once that beat does not tick, and once that it does again.

    The question is asked in a thread of its own: the supervisor must not wait for a site that hangs.

    Args:
        ask: the HTTP status of /healthz; None: nobody answers.
        say: tells the person at the console.
        grace_seconds, every_seconds: until the first question, and between two.
    """

    def __init__(
        self,
        ask: Callable[[], int | None],
        say: Callable[[str], None],
        *,
        grace_seconds: float = GRACE_SECONDS,
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        self._ask = ask
        self._say = say
        self._every_seconds = every_seconds
        self._due_at = time.monotonic() + grace_seconds
        self._answers: list[int | None] = []
        self._is_silent = False

    def look(self) -> None:
        """Tell what the last answer changed, and ask again if it is time. Never waits."""
        while self._answers:
            self._hear(self._answers.pop(0))
        if time.monotonic() >= self._due_at:
            self._due_at = time.monotonic() + self._every_seconds
            threading.Thread(
                target=lambda: self._answers.append(self._ask()), name="pulse", daemon=True
            ).start()

    def _hear(self, status: int | None) -> None:
        if status == _STALE and not self._is_silent:
            self._is_silent = True
            self._say(
                "Beat does not tick, or the database does not answer: nothing is redeemed. See the lines above."
            )
        elif status == 200 and self._is_silent:
            self._is_silent = False
            self._say("Beat ticks again.")
