"""Whether anybody works on a database just now."""

from __future__ import annotations

import psycopg
from django.core.management.base import CommandError

from giftcodes.queries.heartbeat import STALE_SECONDS
from redeemer.backups.address import Address

_SESSIONS = """
    SELECT coalesce(nullif(application_name, ''), 'without a name'), count(*)
    FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid() AND usesysid IS NOT NULL
    GROUP BY 1 ORDER BY 1
"""
_TICK_AGE = "SELECT extract(epoch FROM clock_timestamp() - at)::float FROM giftcodes_heartbeat WHERE name = 'tick'"
_STOP_THEM = "Stop the workers, beat and the site, and try again."


def refuse_while_connected(address: Address) -> None:
    """
    Raises:
        CommandError: somebody else is connected to the database.
    """
    with address.connect_beside() as server:
        found = server.execute(_SESSIONS, [address.name]).fetchall()
    if found:
        who = ", ".join(f"{name} ×{number}" if number > 1 else name for name, number in found)
        raise CommandError(f"The database {address.name} is in use ({who}). {_STOP_THEM}")


def refuse_while_ticking(address: Address) -> None:
    """A worker need not be connected at this very moment, but it takes several ticks each second.

    Raises:
        CommandError: a worker took one less than ten seconds ago.
    """
    try:
        with address.connect() as connection:
            row = connection.execute(_TICK_AGE).fetchone()
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable):
        return  # There is no such database yet, or nothing in it.
    if row is not None and 0 <= row[0] < STALE_SECONDS:
        raise CommandError(f"A worker took a tick {row[0]:.0f} s ago. {_STOP_THEM}")
