"""How often the game lets itself be asked: a fixed window for each address, a gap for each player."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from simulator.reading import BadWorldError


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in a window of so many seconds. No limit is `None` in place of a rate."""

    requests: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.requests}/{self.seconds:g}"


def read_rate(field_name: str, value: object) -> Rate | None:
    """Read `30/60`, or `unlimited`, which gives None.

    Raises:
        BadWorldError: it is neither.
    """
    if value == "unlimited":
        return None
    match = (
        re.fullmatch(r"(\d{1,9})/(\d{1,9}(?:\.\d+)?)", value) if isinstance(value, str) else None
    )
    if match is None or int(match[1]) < 1 or float(match[2]) <= 0:
        raise BadWorldError(
            field_name, f"must look like 30/60 (requests/seconds) or be unlimited, not {value!r}"
        )
    return Rate(int(match[1]), float(match[2]))


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a request came to sit in its window."""

    opened_at: float
    number: int
    rate: Rate

    @property
    def is_refused(self) -> bool:
        """The window was full already."""
        return self.number > self.rate.requests

    @property
    def remaining(self) -> int:
        """What the window still holds after this request."""
        return max(0, self.rate.requests - self.number)

    @property
    def closes_at(self) -> float:
        """When the next request finds a fresh window (unix seconds)."""
        return self.opened_at + self.rate.seconds


@dataclass(slots=True)
class Windows:
    """One open window for each address and endpoint.

    A window opens with its first request and is not moved by what is refused in it: the game's protocol says
    that a request 62 s after a 429 finds a fresh one.
    """

    rate: Rate | None
    _open: dict[tuple[str, str], Seat] = field(default_factory=dict)

    def take(self, address: str, endpoint: str, now: float) -> Seat | None:
        """Count one request that arrived at `now` (unix seconds). None: there is no limit."""
        if self.rate is None:
            return None
        last = self._open.get((address, endpoint))
        if last is None or now >= last.closes_at:
            seat = Seat(now, 1, self.rate)
        else:
            seat = Seat(last.opened_at, last.number + 1, last.rate)
        self._open[address, endpoint] = seat
        return seat

    def change_rate(self, rate: Rate | None) -> None:
        """Go on with another rate. Windows that were open are forgotten."""
        self.rate = rate
        self._open.clear()


@dataclass(slots=True)
class PlayerPace:
    """Refuses a player who is asked for too often.

    The game's protocol: about 2 s apart is safe, 4 s after a refusal. So a refusal doubles the wait, and a
    request that comes too early again starts that longer wait anew.
    """

    _next_at: dict[str, float] = field(default_factory=dict)

    def is_too_soon(self, player: str, now: float, gap_seconds: float) -> bool:
        """Count one request for `player` and tell whether it came too soon. A gap of 0 refuses nothing."""
        if not gap_seconds:
            return False
        too_soon = now < self._next_at.get(player, 0.0)
        self._next_at[player] = now + (2 * gap_seconds if too_soon else gap_seconds)
        return too_soon
