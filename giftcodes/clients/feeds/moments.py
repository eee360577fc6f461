"""Read times as feeds write them: as text with or without a zone, or (milli)seconds since 1970."""

from __future__ import annotations

import datetime as dt
import re

#: A date outside these bounds is a mistake or means "never", and counts as unknown.
FIRST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
LAST = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)

#: A number of at least this value is in milliseconds. In seconds, this value would be a time in the
#: year 5138; in milliseconds, it is a time in 1973.
_MILLISECONDS_FROM = 1e11
_NUMBER = re.compile(r"-?\d{1,20}(\.\d{1,9})?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def moment(value: object) -> dt.datetime | None:
    """Read a time. A time without a zone is in UTC. The result is None if there is no value.

    Raises:
        ValueError: the value cannot be read, or is not between 2000-01-01 and 2100-01-01.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    text = value.strip() if isinstance(value, str) else ""
    if _NUMBER.fullmatch(text):
        return _of_number(float(text))
    if text:
        return _of_text(text)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _of_number(value)
    raise ValueError(f"not a date but a value of type {type(value).__name__}")


def end_of(value: object) -> dt.datetime | None:
    """Read the end of a code. A day without a time means the end of that day.

    Raises:
        ValueError: the value cannot be read, or the end is not between 2000-01-01 and 2100-01-01.
    """
    end = moment(value)
    if end and isinstance(value, str) and _DAY.fullmatch(value.strip()):
        return _bounded(end + dt.timedelta(days=1), value)
    return end


def _of_number(value: float) -> dt.datetime:
    # Compare before dividing: an integer in JSON may be larger than any float, and its division
    # would fail. The comparison also refuses NaN.
    if not 0 <= value < _MILLISECONDS_FROM * 1000:
        raise ValueError("not between 2000 and 2100")
    seconds = value / 1000 if value >= _MILLISECONDS_FROM else value
    return _bounded(dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=seconds), value)


def _of_text(text: str) -> dt.datetime:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"not a date: {text[:40]}") from None
    try:
        utc = found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found.astimezone(dt.UTC)
    except OverflowError:
        raise ValueError("not between 2000 and 2100") from None
    return _bounded(utc, text)


def _bounded(found: dt.datetime, value: object) -> dt.datetime:
    if not FIRST <= found <= LAST:
        raise ValueError(f"not between 2000 and 2100: {str(value)[:40]}")
    return found
