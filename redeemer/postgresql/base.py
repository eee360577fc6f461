"""Connections that work whatever defaults the database has, and however those have changed since.

Django loads this module by its name: `ENGINE` in DATABASES.
"""

from __future__ import annotations

import time
from typing import Any
from weakref import WeakKeyDictionary

from django.db.backends.postgresql import base
from psycopg import Connection

#: While the server refuses writes, a session is opened again at most so often.
_READ_ONLY_SECONDS = 1.0

#: When each session was opened, by the monotonic clock.
_opened_at: WeakKeyDictionary[Connection[Any], float] = WeakKeyDictionary()


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, with transactions that are READ COMMITTED, and without sessions that stay read-only."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A connection. One of the pool that was opened in a read-only time is replaced.

        `default_transaction_read_only` of a database or a role is taken over when a session begins, and stays; so does
        the host that a name led to. A session that was opened then would refuse each write for up to an hour.
        """
        connection = super().get_new_connection(conn_params)
        while self.pool and _is_read_only(connection) and _age(connection) > _READ_ONLY_SECONDS:
            connection.close()
            self.pool.putconn(connection)
            connection = super().get_new_connection(conn_params)
        return connection

    def _configure_connection(self, connection: Connection[Any]) -> bool:
        """Called by Django for each session, once: by the pool, or where there is none."""
        super()._configure_connection(connection)  # type: ignore[misc]
        _opened_at[connection] = time.monotonic()
        with connection.cursor() as cursor:
            # The steps of the flow read what others have committed meanwhile; and a stronger default would make
            # PostgreSQL refuse statements that meet others, of which each is right by its row lock.
            cursor.execute("SET default_transaction_isolation TO 'read committed'")
        return True


def _is_read_only(connection: Connection[Any]) -> bool:
    """What the server has reported with its last answer (PostgreSQL 14 and newer)."""
    return "on" in (
        connection.info.parameter_status("default_transaction_read_only"),
        connection.info.parameter_status("in_hot_standby"),
    )


def _age(connection: Connection[Any]) -> float:
    return time.monotonic() - _opened_at.get(connection, 0.0)
