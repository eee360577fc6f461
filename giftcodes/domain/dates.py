"""Dates in words, in the order of each language."""

from __future__ import annotations

import datetime as dt

from django.utils import formats, translation


def worded(value: dt.date | dt.datetime | None, pattern: str) -> str:
    """A date in words.

    Args:
        value: the date or the time, in the reader's time zone. None gives an empty text.
        pattern: Django's pattern for English, such as `j F Y, H:i`. In other languages the day,
            which is the part before the comma, is written as their readers expect it.
    """
    if value is None:
        return ""
    day, comma, rest = pattern.partition(", ")
    if not (translation.get_language() or "en").startswith("en"):
        day = formats.get_format("DATE_FORMAT" if "Y" in day else "MONTH_DAY_FORMAT")
    return formats.date_format(value, f"{day}{comma}{rest}")
