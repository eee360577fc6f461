"""Validate JSON that is posted to the simulator. Every error names the field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

Check = Callable[[str, Any], Any]


class InvalidWorldError(ValueError):
    """A posted value is invalid. The text starts with the name of the field."""

    def __init__(self, field: str, need: str) -> None:
        super().__init__(f"{field}: {need}")


def whole(minimum: int = 0) -> Check:
    """Return a check for a whole number of at least `minimum`. Booleans are refused."""

    def check(field: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            raise InvalidWorldError(
                field, f"must be a whole number, {minimum} or more, not {value!r}"
            )
        return value

    return check


def number(minimum: float = 0, maximum: float = float("inf")) -> Check:
    """Return a check for a number from `minimum` to `maximum`."""

    def check(field: str, value: Any) -> float:
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not minimum <= value <= maximum
        ):
            bound = (
                f"{minimum:g} or more" if maximum == float("inf") else f"{minimum:g} to {maximum:g}"
            )
            raise InvalidWorldError(field, f"must be a number, {bound}, not {value!r}")
        return value

    return check


def text(field: str, value: Any) -> str:
    """Check that a value is a non-empty string."""
    if not isinstance(value, str) or not value:
        raise InvalidWorldError(field, f"must be a non-empty string, not {value!r}")
    return value


def flag(field: str, value: Any) -> bool:
    """Check that a value is `true` or `false`."""
    if not isinstance(value, bool):
        raise InvalidWorldError(field, f"must be true or false, not {value!r}")
    return value


def moment(field: str, value: Any) -> float:
    """Check that a value is Unix seconds or an ISO 8601 time with a zone. Return Unix seconds.

    Its year must be from 1 to 9999, so that the feed can show it as a date.
    """
    try:
        seconds = _seconds(value)
        datetime.fromtimestamp(seconds, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise InvalidWorldError(
            field, f"must be unix seconds or an ISO time with its zone, not {value!r}"
        ) from None
    return seconds


def _seconds(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    when = datetime.fromisoformat(value)
    if when.tzinfo is None:
        raise ValueError
    return when.timestamp()


def anything(_field: str, value: Any) -> Any:
    """Accept any JSON value."""
    return value


def one_of(*words: str) -> Check:
    """Return a check for one of these words."""

    def check(field: str, value: Any) -> str:
        if value not in words:
            raise InvalidWorldError(field, f"must be one of {', '.join(words)}, not {value!r}")
        return str(value)

    return check


def or_null(check: Check) -> Check:
    """Return a check for null or a value that `check` accepts."""
    return lambda field, value: None if value is None else check(field, value)


def mapping(field: str, value: Any) -> Mapping[str, Any]:
    """Check that a value is a JSON object."""
    if not isinstance(value, dict):
        raise InvalidWorldError(field, f"must be an object, not {value!r}"[:200])
    return value


def texts(field: str, value: Any) -> dict[str, str]:
    """Check that a value is a JSON object whose content can be sent as HTTP headers."""
    given = mapping(field, value)
    for name, item in given.items():
        if (
            not isinstance(item, str)
            or not (name + item).isascii()
            or not (name + item).isprintable()
        ):
            raise InvalidWorldError(
                f"{field}.{name}", f"must be a string of printable ASCII, not {item!r}"
            )
    return dict(given)


def sequence(field: str, value: Any) -> list[Any]:
    """Check that a value is a JSON list."""
    if not isinstance(value, list):
        raise InvalidWorldError(field, f"must be a list, not {value!r}"[:200])
    return value


def record(field: str, value: Any, checks: Mapping[str, Check]) -> dict[str, Any]:
    """Check that a value is a JSON object with only fields in `checks`. Return checked values.

    If `field` is empty, the value is the whole body.
    """
    given = mapping(field or "body", value)
    for name in given:
        if name not in checks:
            known = ", ".join(checks)
            raise InvalidWorldError(
                f"{field}.{name}" if field else name, f"is unknown; the known fields are {known}"
            )
    return {
        name: checks[name](f"{field}.{name}" if field else name, item)
        for name, item in given.items()
    }
