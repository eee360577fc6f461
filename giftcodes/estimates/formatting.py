"""Describe an outlook in words that are no more exact than the forecast. Pure functions."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext, ngettext

from giftcodes.estimates.forecast import Outlook

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def left(outlook: Outlook) -> str:
    """The time that is left, such as `about 3 min`, or the reason why it is unknown.

    It is `nothing` if the run waits for no answer, so that only its end is left to record.
    """
    if outlook.seconds is None:
        return gettext(outlook.why_unknown)
    if outlook.seconds == 0:
        return gettext("stopping") if outlook.is_stopping else gettext("nothing")
    time = {"time": about(outlook.seconds)}
    if outlook.is_stopping:
        return gettext("stopping: %(time)s") % time
    if outlook.is_paused:
        return gettext("paused: %(time)s if the game answers then") % time
    return time["time"] if outlook.is_proven else gettext("%(time)s if the code works") % time


def still(outlook: Outlook) -> str:
    """The time that is left, as a sentence without a full stop, such as `about 3 min left`.

    If the time is unknown, the result is the reason.
    """
    if outlook.seconds is None:
        return gettext(outlook.why_unknown)
    if outlook.seconds == 0:
        return gettext("stopping") if outlook.is_stopping else gettext("about to end")
    time = {"time": about(outlook.seconds)}
    if outlook.is_stopping:
        return gettext("stopping: %(time)s left") % time
    if outlook.is_paused:
        return gettext("paused: %(time)s left if the game answers then") % time
    if outlook.is_proven:
        return gettext("%(time)s left") % time
    return gettext("%(time)s left if the code works") % time


def about(seconds: float) -> str:
    """A length of time, rounded to 10 s, minutes, 5 minutes, hours or days."""
    if seconds < 5:
        return gettext("a few seconds")
    if seconds < 55:
        return gettext("about %d s") % _to(seconds, 10)
    if seconds < 9.5 * _MINUTE:
        return gettext("about %d min") % _to(seconds / _MINUTE, 1)
    if seconds < 57.5 * _MINUTE:
        return gettext("about %d min") % _to(seconds / _MINUTE, 5)
    if seconds < 23.5 * _HOUR:
        return gettext("about %d h") % _to(seconds / _HOUR, 1)
    days = _to(seconds / _DAY, 1)
    return ngettext("about %d day", "about %d days", days) % days


def pace_words(budget: dict[str, Any]) -> str:
    """How fast requests are sent, such as `Sends at most 30 requests a minute.`

    Args:
        budget: the value `budget` of a game in `queries.overview`.
    """
    if budget["limit"] is None:
        return gettext("Sends requests as fast as the game answers.")
    numbers = {"limit": budget["limit"], "time": _window(budget["seconds"])}
    words = ngettext(
        "Sends at most %(limit)d request %(time)s.",
        "Sends at most %(limit)d requests %(time)s.",
        budget["limit"],
    )
    return words % numbers


def _window(seconds: float) -> str:
    match seconds:
        case 1:
            return gettext("a second")
        case 60:
            return gettext("a minute")
        case 3_600:
            return gettext("an hour")
    return gettext("every %g seconds") % seconds


def _to(number: float, step: int) -> int:
    """The nearest multiple of a step, at least one step."""
    return max(step, step * int(number / step + 0.5))
