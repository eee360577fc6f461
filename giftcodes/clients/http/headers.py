"""Read an answer's headers: how long to wait, and which `ETag` and date to send next time.

A malformed header counts as missing.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

#: The longest wait that is accepted.
LONGEST_WAIT_SECONDS = 86_400.0
_MAX_LENGTH = 64
#: Numbers from these values on are times since 1970, in seconds or in milliseconds.
_UNIX_SECONDS_FROM = 1e9
_UNIX_MILLISECONDS_FROM = 1e12


def is_sendable_key(key: str) -> bool:
    """Return whether a header can carry a key unchanged."""
    return key.isascii() and key.isprintable() and key == key.strip()


def count(headers: Mapping[str, str], name: str) -> int | None:
    """Return a header's value if it is a whole number of at most nine digits, else None."""
    match = re.fullmatch(r"[0-9]{1,9}", headers.get(name, "").strip())
    return int(match[0]) if match else None


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return `Retry-After` in seconds (RFC 9110, section 10.2.3).

    The header is either a number of seconds, never milliseconds, or a date, which is compared with
    the answer's own `Date`. More than a day counts as a day. The result is None if there is no such
    header, or if its date is in the past.
    """
    text = headers.get("Retry-After", "").strip()
    seconds = _number(text)
    if seconds is None:
        moment = _date(text)
        seconds = None if moment is None else moment - _answered_at(headers)
    return None if seconds is None or seconds < 0 else min(seconds, LONGEST_WAIT_SECONDS)


def reset_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return `X-RateLimit-Reset` in seconds from now. Some servers send a delay, others a time.

    The result is None if there is no such header, or if its time is in the past or more than a day
    away.
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
    """Return the stripped value if a header can carry it and it fits `limit`, else an empty string.

    A validator (`ETag`, `Last-Modified`) is never shortened, because a changed one would match
    nothing. If no validator is sent, the feed sends the full list.
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
    """Return when the server answered, in Unix seconds, by its own clock: ours may be wrong."""
    moment = _date(headers.get("Date", "").strip())
    return time.time() if moment is None else moment
