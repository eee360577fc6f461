"""A clock for the database that can be put forward.

The flow asks the database alone for the time (giftcodes/models/clock.py), by `clock_timestamp()`. A function of that
name in a schema that is searched first answers instead, and everything that is written down stays where it is.
"""

from __future__ import annotations

import datetime as dt

from django.db import connection

from giftcodes.models import database_now

#: Each column that the database fills in with the time, by whichever of the two clocks is in its default.
_DEFAULTS = """
SELECT c.relname, a.attname
FROM pg_attrdef d
JOIN pg_class c ON c.oid = d.adrelid
JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE pg_get_expr(d.adbin, d.adrelid) LIKE '%clock_timestamp()%'
"""
_CLOCK = """
CREATE FUNCTION travel.clock_timestamp() RETURNS timestamptz VOLATILE LANGUAGE sql AS
$$ SELECT pg_catalog.clock_timestamp() + current_setting('travel.ahead')::interval $$
"""


class TravellingClock:
    """The database's clock on this connection, while the block lasts."""

    def __init__(self) -> None:
        self._ahead = dt.timedelta()

    def __enter__(self) -> TravellingClock:
        """Put the clock into the place of the real one."""
        _do("CREATE SCHEMA travel", _CLOCK, "SET search_path = travel, pg_catalog, public")
        self.go(0)
        _tell_time_by("travel")
        return self

    def __exit__(self, *_error: object) -> None:
        """Put the real one back."""
        _tell_time_by("pg_catalog")
        _do("RESET search_path", "DROP SCHEMA travel CASCADE")

    def go(self, seconds: float) -> None:
        """Let so much time go by."""
        self._ahead += dt.timedelta(seconds=seconds)
        _do(f"SET travel.ahead = '{self._ahead.total_seconds():.3f} seconds'")

    @property
    def today(self) -> dt.date:
        """The day that it shows."""
        return database_now().date()


def _tell_time_by(schema: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_DEFAULTS)
        columns = cursor.fetchall()
    _do(
        *(
            f'ALTER TABLE "{table}" ALTER COLUMN "{column}" SET DEFAULT {schema}.clock_timestamp()'
            for table, column in columns
        )
    )


def _do(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
