"""An outlook in words, no more exact than it is. Pure."""

from __future__ import annotations

from giftcodes.outlook.forecast import Outlook

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def left(outlook: Outlook) -> str:
    """How long it takes: `about 3 min`, or why there is no telling."""
    if outlook.seconds is None:
        return outlook.why_unknown
    if outlook.is_stopping:
        return f"stopping: {about(outlook.seconds)}"
    words = about(outlook.seconds)
    if outlook.is_paused:
        return f"paused: {words} if the game answers then"
    return words if outlook.is_proven else f"{words} if the code works"


def about(seconds: float) -> str:
    """A length of time, rounded as an estimate is: to 10 s, minutes, 5 minutes, hours, days."""
    if seconds < 5:
        return "a few seconds"
    if seconds < 55:
        return f"about {_to(seconds, 10)} s"
    if seconds < 9.5 * _MINUTE:
        return f"about {_to(seconds / _MINUTE, 1)} min"
    if seconds < 57.5 * _MINUTE:
        return f"about {_to(seconds / _MINUTE, 5)} min"
    if seconds < 23.5 * _HOUR:
        return f"about {_to(seconds / _HOUR, 1)} h"
    days = _to(seconds / _DAY, 1)
    return f"about {days} day{'' if days == 1 else 's'}"


def _to(number: float, step: int) -> int:
    """The nearest multiple of a step, and never none."""
    return max(step, step * int(number / step + 0.5))
