"""How long to wait before a child that died is started again."""

from __future__ import annotations

_FIRST_SECONDS = 0.5
_LONGEST_SECONDS = 30.0
#: Who lived this long was well, and starts from the beginning.
_WELL_AFTER_SECONDS = 60.0


def delay_seconds(*, lived_seconds: float, previous_seconds: float | None) -> float:
    """Half a second, then twice as long after each early death, half a minute at most."""
    if previous_seconds is None or lived_seconds >= _WELL_AFTER_SECONDS:
        return _FIRST_SECONDS
    return min(previous_seconds * 2, _LONGEST_SECONDS)
