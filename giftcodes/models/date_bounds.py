"""The bounds of dates: constraints in the database, and corrections when dates are read from it."""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Any, TypeVar

from django.db.backends.postgresql.psycopg_any import BaseTzLoader
from django.db.backends.signals import connection_created
from django.db.models import CheckConstraint, Q
from psycopg import DataError
from psycopg.types.datetime import DateLoader

from giftcodes.domain.validators import EARLIEST, EARLIEST_DAY, LATEST, LATEST_DAY

#: A date outside these years is read as the first day of the nearer one. Python cannot represent
#: some such dates, and others leave its range when they are converted to another time zone. No form
#: accepts such a date, but a wrong clock or a manual SQL statement may have written one.
_FIRST_YEAR, _LAST_YEAR = 1000, 9000
_Date = TypeVar("_Date", bound=dt.date)


DAYS = (EARLIEST_DAY, LATEST_DAY)
MOMENTS = (EARLIEST, LATEST)


def within(bounds: tuple[dt.date, dt.date], field: str, *, name: str) -> CheckConstraint:
    """A constraint that a date is null or within bounds (`DAYS` or `MOMENTS`)."""
    return CheckConstraint(
        condition=Q(**{f"{field}__gte": bounds[0], f"{field}__lte": bounds[1]}), name=name
    )


class _PatientDateLoader(DateLoader):
    """Loads days. A day with which Python cannot calculate is replaced (`_near`)."""

    def load(self, data: Any) -> dt.date:
        """Load a day from what PostgreSQL sends."""
        try:
            found = super().load(data)
        except DataError:
            return dt.date(_FIRST_YEAR if _is_past(data) else _LAST_YEAR, 1, 1)
        return _near(found)


@cache
def _moment_loader(zone: dt.tzinfo | None) -> type[BaseTzLoader]:
    class PatientMomentLoader(BaseTzLoader):  # type: ignore[misc] # Untyped.
        timezone = zone

        def load(self, data: Any) -> dt.datetime:
            try:
                found: dt.datetime = super().load(data)
            except DataError:
                return dt.datetime(_FIRST_YEAR if _is_past(data) else _LAST_YEAR, 1, 1, tzinfo=zone)
            return _near(found)

    return PatientMomentLoader


def _near(found: _Date) -> _Date:
    """The date, or the nearest one that Python can calculate with."""
    if _FIRST_YEAR <= found.year <= _LAST_YEAR:
        return found
    return found.replace(
        year=_FIRST_YEAR if found.year < _FIRST_YEAR else _LAST_YEAR, month=1, day=1
    )


def _is_past(data: Any) -> bool:
    text = bytes(data)
    return text.startswith(b"-") or text.endswith(b"BC")


def _read_patiently(connection: Any, **_signal: Any) -> None:
    adapters = connection.connection.adapters
    adapters.register_loader("date", _PatientDateLoader)
    adapters.register_loader("timestamptz", _moment_loader(connection.timezone))


def read_patiently() -> None:
    """Make every date readable, on each connection to the database from now on.

    Otherwise one row with an unreadable date breaks every page, sweep and command that reads the
    row, because the whole query fails.
    """
    connection_created.connect(_read_patiently, dispatch_uid="read_patiently")
