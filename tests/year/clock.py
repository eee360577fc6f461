"""A clock of the database that a test can put forward.

The product reads the time only from the database, by `clock_timestamp()`
(giftcodes/models/clock.py). The test puts a function of that name into a schema that is searched
first. Stored times are not changed.
"""

from __future__ import annotations

import datetime as dt

from django.db import connection

from giftcodes.models import database_now

#: The columns whose default is the time, by PostgreSQL's own function or by the test's function.
COLUMNS_WITH_CLOCK = """
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
    """The clock on this connection, within the block."""

    def __init__(self) -> None:
        self._ahead = dt.timedelta()

    def __enter__(self) -> TravellingClock:
        """Replace the real clock."""
        _execute("CREATE SCHEMA travel", _CLOCK, "SET search_path = travel, pg_catalog, public")
        self.go(0)
        _set_defaults("travel")
        return self

    def __exit__(self, *_error: object) -> None:
        """Restore the real clock."""
        _set_defaults("pg_catalog")
        _execute("RESET search_path", "DROP SCHEMA travel CASCADE")

    def go(self, seconds: float) -> None:
        """Put the clock forward."""
        self._ahead += dt.timedelta(seconds=seconds)
        _execute(f"SET travel.ahead = '{self._ahead.total_seconds():.3f} seconds'")

    @property
    def today(self) -> dt.date:
        return database_now().date()


def _set_defaults(schema: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS_WITH_CLOCK)
        columns = cursor.fetchall()
    _execute(
        *(
            f'ALTER TABLE "{table}" ALTER COLUMN "{column}" SET DEFAULT {schema}.clock_timestamp()'
            for table, column in columns
        )
    )


def _execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
