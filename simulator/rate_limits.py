"""The game's request limits: a fixed window per address, and a minimum gap per player."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from simulator.validation import InvalidWorldError


@dataclass(frozen=True, slots=True)
class Rate:
    """A limit of `requests` in a window of `seconds`. Without a limit, None is used instead."""

    requests: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.requests}/{self.seconds:g}"


def read_rate(field_name: str, value: object) -> Rate | None:
    """Read a rate such as `30/60`, or `unlimited`, which gives None.

    Raises:
        InvalidWorldError: the value is neither.
    """
    if value == "unlimited":
        return None
    match = (
        re.fullmatch(r"(\d{1,9})/(\d{1,9}(?:\.\d+)?)", value) if isinstance(value, str) else None
    )
    if match is None or int(match[1]) < 1 or float(match[2]) <= 0:
        raise InvalidWorldError(
            field_name, f"must look like 30/60 (requests/seconds) or be unlimited, not {value!r}"
        )
    return Rate(int(match[1]), float(match[2]))


@dataclass(frozen=True, slots=True)
class WindowCount:
    """The number of a request within its window. `opened_at` is in Unix seconds."""

    opened_at: float
    number: int
    rate: Rate

    @property
    def is_refused(self) -> bool:
        """Whether the window was full before this request."""
        return self.number > self.rate.requests

    @property
    def remaining(self) -> int:
        """How many more requests the window allows."""
        return max(0, self.rate.requests - self.number)

    @property
    def closes_at(self) -> float:
        """When the window ends, in Unix seconds."""
        return self.opened_at + self.rate.seconds


@dataclass(slots=True)
class Windows:
    """One open window for each address and endpoint.

    A window opens with its first request. Refused requests do not move its end, because
    docs/reference/protocol.md says that the limit behaves as a fixed window.
    """

    rate: Rate | None
    _open: dict[tuple[str, str], WindowCount] = field(default_factory=dict)

    def count(self, address: str, endpoint: str, now: float) -> WindowCount | None:
        """Count a request that arrived at `now` (Unix seconds). Return None if unlimited."""
        if self.rate is None:
            return None
        last = self._open.get((address, endpoint))
        if last is None or now >= last.closes_at:
            counted = WindowCount(now, 1, self.rate)
        else:
            counted = WindowCount(last.opened_at, last.number + 1, last.rate)
        self._open[address, endpoint] = counted
        return counted

    def change_rate(self, rate: Rate | None) -> None:
        """Set a new rate, and drop the open windows."""
        self.rate = rate
        self._open.clear()


@dataclass(slots=True)
class PlayerPace:
    """The minimum gap between requests for one player.

    docs/reference/protocol.md says that a gap of about 2 s is safe, or 4 s after a refusal. So a
    refusal doubles the gap, and another early request starts the longer gap again.
    """

    _next_at: dict[str, float] = field(default_factory=dict)

    def is_too_soon(self, player: str, now: float, gap_seconds: float) -> bool:
        """Count a request for `player`, and return whether it came too soon.

        A gap of 0 allows every request.
        """
        if not gap_seconds:
            return False
        too_soon = now < self._next_at.get(player, 0.0)
        self._next_at[player] = now + (2 * gap_seconds if too_soon else gap_seconds)
        return too_soon
