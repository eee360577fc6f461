"""Calculate when a game answers the nth request from now. Pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass

from django.utils.translation import gettext_noop

#: When a window or a pause ends, or a member becomes due, nothing is enqueued. The next tick finds
#: the work, after half a tick on average.
TICK_SECONDS = 0.25
TICK_WAIT_SECONDS = TICK_SECONDS / 2
#: The latency that is assumed if nothing was measured.
USUAL_LATENCY_SECONDS = 0.5

NOT_MEASURED = gettext_noop(
    "unknown: the game has no limit, and too little was sent in the last minute to tell the speed"
)


@dataclass(frozen=True, slots=True)
class Window:
    """The game's request limit, and how much of it is left.

    Args:
        limit: the number of requests in each window, at least 1.
        seconds: the time from one window's first answer to the next window's first request.
        left: the number of requests that may still be sent in the open window.
        ends_in: the seconds until the open window ends, or None if no window is open.
        openers_out: the number of requests in flight that open a window.
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
        window: the limit. If there is no limit, this is None, and the measured speed decides.
        speed: the measured requests per second, or None if unknown. Only used without a window.
        latency: the seconds from a claim to its answer, more than 0.
        threads: the maximum number of requests under way at once, at least 1.
        in_flight: the number of requests under way now.
        held_for: the seconds for which nothing is sent, because of a pause or a refusal.
        is_on_trial: whether the game is paused. If so, a probe must be answered first.
        hindrance: the reason why nothing will be sent, in words. It is empty if nothing prevents
            requests.
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
        """The reason why the pace is unknown, in words. It is empty if the pace is known."""
        return self.hindrance or ("" if self.window or self.speed else NOT_MEASURED)

    def answered_in(self, nth: int) -> float:
        """Seconds until the nth new request is answered. Requests under way are not counted.

        For a larger n, the result is the same or larger.

        Args:
            nth: the number of the request. 1 is the next one.

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
        """Seconds until requests are sent again, after the pause and the answer to its probe."""
        noticed = TICK_WAIT_SECONDS if self.held_for else 0.0
        return self.held_for + noticed + (self.latency if self.is_on_trial else 0.0)

    def _by_window(self, window: Window, nth: int) -> float:
        free = self._free(window)
        if nth <= free:
            return self._held + self._batches(nth + self.in_flight)
        nth -= free
        if window.ends_in is None:
            # If a request under way opens the next window, it takes the first place in it.
            starts_in, nth = self._held, nth + window.openers_out
        else:
            starts_in = max(window.ends_in + self._noticed_after(window), self._held)
        windows, place = divmod(nth - 1, self._in_each(window))
        length = self.latency + window.seconds + self._noticed_after(window)
        # A window's first request is answered before any other request of the window is sent.
        return starts_in + windows * length + self.latency + self._batches(place)

    def _noticed_after(self, window: Window) -> float:
        """Seconds from a window's end to the tick that opens the next one."""
        length = self.latency + window.seconds
        return math.ceil(length / TICK_SECONDS) * TICK_SECONDS - length

    def _free(self, window: Window) -> int:
        """The number of requests that the open window still has room and time for."""
        if window.ends_in is None:
            return 0
        in_time = self._sendable(window.ends_in - self._held) - self.in_flight
        return max(0, min(window.left, in_time))

    def _in_each(self, window: Window) -> int:
        return max(1, min(window.limit, self._sendable(window.seconds)))

    def _sendable(self, seconds: float) -> int:
        """The number of requests that the threads can send and get answered in this time."""
        return self.threads * math.floor(max(0.0, seconds) / self.latency)

    def _batches(self, requests: int) -> float:
        return math.ceil(requests / self.threads) * self.latency
