"""Gift codes as the game knows them, and the names of those that the demo publishes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from simulator.variation import draw

_WORDS = (
    "Frost",
    "AURORA",
    "Ember",
    "SNOW",
    "Beacon",
    "HARVEST",
    "Lantern",
    "WINTER",
    "Summit",
    "CARNIVAL",
)
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


@dataclass(frozen=True, slots=True)
class Code:
    """The conditions of one code; times are unix seconds, `None` is no limit.

    A reissue raises `issue`: what was granted under an earlier issue does not count any more.
    """

    works_from: float | None = None
    expires_at: float | None = None
    cap: int | None = None
    group: str | None = None
    min_level: int = 0
    min_spend: float = 0
    min_vip: int = 0
    #: Of the account, in days.
    min_age: float = 0
    issue: int = 1


def seeded_code_name(seed: int, counter: int) -> str:
    """The name of the demo's code number `counter`. The number is in the name, so that none comes twice."""
    word = _WORDS[int(draw("word", seed, counter) * len(_WORDS))]
    tail = "".join(
        _LETTERS[int(draw("letter", seed, counter, place) * len(_LETTERS))] for place in range(4)
    )
    return f"{word}{tail}{counter:03d}"


def feed_line(name: str, now: float) -> str:
    """A line of the feed that says `name` was published on the day (UTC) of `now`."""
    return f"{name} {datetime.fromtimestamp(now, UTC):%d.%m.%Y}"
