"""When the game answers the nth request from now. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from django.utils.translation import gettext_noop

#: Nothing is enqueued when a window or a pause ends or a member falls due: the next tick sees it.
TICK_SECONDS = 0.25
TICK_WAIT_SECONDS = TICK_SECONDS / 2
#: Used if nothing was measured.
USUAL_LATENCY_SECONDS = 0.5

NOT_MEASURED = gettext_noop(
    "unknown: the game has no limit, and too little was sent in the last minute to tell the speed"
)


@dataclass(frozen=True, slots=True)
class Window:
    """The game's request limit, and how much of it is left.

    Args:
        limit: requests in each window, at least 1.
        seconds: from one window's first answer to the next window's first request.
        left: requests that may still be sent in the open window.
        ends_in: seconds until the open window ends. None if no window is open.
        openers_out: requests in flight that open a window.
    """

    limit: int
    seconds: float
    left: int = 0
    ends_in: float | None = None
    openers_out: int = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast requests are sent and answered.

    Args:
        window: the limit. None if there is no limit, and the measured speed decides.
        speed: measured requests a second; None: unknown. Only used without a window.
        latency: seconds from a claim to its answer, more than 0.
        threads: the most requests under way at once, at least 1.
        in_flight: requests under way now.
        held_for: seconds in which nothing is sent, because of a pause or a refusal.
        is_on_trial: the game is paused, and a probe goes first to find out whether it answers.
        hindrance: why nothing will be sent, in words; empty if nothing prevents it.
    """

    window: Window | None = None
    speed: float | None = None
    latency: float = USUAL_LATENCY_SECONDS
    threads: int = 1
    in_flight: int = 0
    held_for: float = 0.0
    is_on_trial: bool = False
    hindrance: str = ""

    @property
    def why_unknown(self) -> str:
        """Why the pace is unknown, in words; empty if it is known."""
        return self.hindrance or ("" if self.window or self.speed else NOT_MEASURED)

    def answered_in(self, nth: int) -> float:
        """Seconds until the nth request that is not under way yet is answered.

        It grows with n, or stays the same.

        Args:
            nth: 1 is the next one.

        Raises:
            ValueError: the pace is unknown.
        """
        if self.window is not None:
            return self._by_window(self.window, nth)
        if not self.speed:
            raise ValueError(NOT_MEASURED)
        return self._held + max((nth + self.in_flight) / self.speed, self.latency)

    @property
    def _held(self) -> float:
        """Seconds until requests are sent again: the pause is over, and its probe answered."""
        noticed = TICK_WAIT_SECONDS if self.held_for else 0.0
        return self.held_for + noticed + (self.latency if self.is_on_trial else 0.0)

    def _by_window(self, window: Window, nth: int) -> float:
        free = self._free(window)
        if nth <= free:
            return self._held + self._batches(nth + self.in_flight)
        nth -= free
        if window.ends_in is None:
            # Requests under way that open a window have the first places in it.
            starts_in, nth = self._held, nth + window.openers_out
        else:
            starts_in = max(window.ends_in + self._noticed_after(window), self._held)
        windows, place = divmod(nth - 1, self._in_each(window))
        length = self.latency + window.seconds + self._noticed_after(window)
        # No other request of a window is sent until its first one is answered.
        return starts_in + windows * length + self.latency + self._batches(place)

    def _noticed_after(self, window: Window) -> float:
        """Seconds from a window's end to the tick that opens the next one."""
        length = self.latency + window.seconds
        return math.ceil(length / TICK_SECONDS) * TICK_SECONDS - length

    def _free(self, window: Window) -> int:
        """Requests that the open window still takes, if there is time for them in it."""
        if window.ends_in is None:
            return 0
        in_time = self._sendable(window.ends_in - self._held) - self.in_flight
        return max(0, min(window.left, in_time))

    def _in_each(self, window: Window) -> int:
        return max(1, min(window.limit, self._sendable(window.seconds)))

    def _sendable(self, seconds: float) -> int:
        """Requests that the threads can send, and get answered, in this time."""
        return self.threads * math.floor(max(0.0, seconds) / self.latency)

    def _batches(self, requests: int) -> float:
        return math.ceil(requests / self.threads) * self.latency
