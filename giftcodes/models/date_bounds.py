"""Dates have bounds: in the database, and in what is read from it."""

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

#: What Python cannot read, or cannot count on from (an hour before or after it, in another zone), is read as one of
#: these. No date that a person sets is so far away, but a clock or a statement by hand may have written one.
_FIRST_YEAR, _LAST_YEAR = 1000, 9000
_Date = TypeVar("_Date", bound=dt.date)


DAYS = (EARLIEST_DAY, LATEST_DAY)
MOMENTS = (EARLIEST, LATEST)


def within(bounds: tuple[dt.date, dt.date], field: str, *, name: str) -> CheckConstraint:
    """A constraint of the database: a date is unknown, or within bounds (`DAYS` or `MOMENTS`)."""
    return CheckConstraint(
        condition=Q(**{f"{field}__gte": bounds[0], f"{field}__lte": bounds[1]}), name=name
    )


class _PatientDateLoader(DateLoader):
    """Days, with those that are out of reach being the last one that is not."""

    def load(self, data: Any) -> dt.date:
        """A day as PostgreSQL writes it."""
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
    """The date, or the nearest one that can be counted on from."""
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
    """Let no date stop the reading of a row, on each connection to the database from now on.

    One row whose date cannot be read makes its whole query fail, and with it each page, sweep and command that meets
    it.
    """
    connection_created.connect(_read_patiently, dispatch_uid="read_patiently")
