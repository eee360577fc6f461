"""What an answer's headers say about waiting, and what to send back next time. Garbage reads as nothing."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

#: Longer than this, no wait is believed.
LONGEST_WAIT_SECONDS = 86_400.0
_MAX_LENGTH = 64
#: Numbers above these are moments, in seconds and in milliseconds since 1970.
_UNIX_SECONDS_FROM = 1e9
_UNIX_MILLISECONDS_FROM = 1e12


def count(headers: Mapping[str, str], name: str) -> int | None:
    """A header that is a whole number of at most nine digits, or None."""
    match = re.fullmatch(r"[0-9]{1,9}", headers.get(name, "").strip())
    return int(match[0]) if match else None


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """`Retry-After` in seconds: a number, or a date counted from the answer's own `Date` (RFC 9110, section 10.2.3).

    It is never read as milliseconds. More than a day counts as a day. None where there is no such header, or it names
    the past.
    """
    text = headers.get("Retry-After", "").strip()
    seconds = _number(text)
    if seconds is None:
        moment = _date(text)
        seconds = None if moment is None else moment - _answered_at(headers)
    return None if seconds is None or seconds < 0 else min(seconds, LONGEST_WAIT_SECONDS)


def reset_after_seconds(headers: Mapping[str, str]) -> float | None:
    """`X-RateLimit-Reset` as seconds from now. Some send a delay, some a moment: the large numbers.

    None where there is no such header, or it names the past or more than a day.
    """
    number = _number(headers.get("X-RateLimit-Reset", "").strip())
    if number is None:
        return None
    if number >= _UNIX_MILLISECONDS_FROM:
        number /= 1000
    if number >= _UNIX_SECONDS_FROM:
        number -= _answered_at(headers)
    return number if 0 <= number <= LONGEST_WAIT_SECONDS else None


def sendable(value: str, limit: int) -> str:
    """The value without space around it, if a header can carry it and it is not too long. Else an empty text.

    A validator that is cut or changed matches nothing, so that a list which cannot be told apart is just read
    again.
    """
    value = value.strip()
    return value if value.isascii() and value.isprintable() and len(value) <= limit else ""


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,9})?", text) else None


def _date(text: str) -> float | None:
    if not text or len(text) > _MAX_LENGTH:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None


def _answered_at(headers: Mapping[str, str]) -> float:
    """When the server says that it is: our own clock may be wrong."""
    moment = _date(headers.get("Date", "").strip())
    return time.time() if moment is None else moment
