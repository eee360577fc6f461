"""A database engine that works whatever defaults the database has, even if they change.

Django loads this module by its name: `ENGINE` in DATABASES.
"""

from __future__ import annotations

import time
from typing import Any
from weakref import WeakKeyDictionary

from django.db.backends.postgresql import base
from psycopg import Connection, OperationalError
from psycopg_pool import ConnectionPool

#: In seconds. A session that was opened or checked more recently than this is given out without a
#: check. Otherwise a thread could replace one new session after the other while the server is down
#: or refuses writes, and a busy session would be checked for each task.
_FRESH_SECONDS = 1.0

#: The time limit for one statement in the sessions of this process, in seconds. 0 means no limit.
#: The site's process sets it before its first session, because a request must not occupy a thread
#: for long.
statement_seconds = 0.0

#: The time of the monotonic clock at which each session was opened, or last found to be usable.
_usable_at: WeakKeyDictionary[Connection[Any], float] = WeakKeyDictionary()


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's wrapper with READ COMMITTED transactions, which takes only usable sessions.

    In the site's process, statements have a time limit.
    """

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection. Replace pooled ones that are broken or were opened read-only.

        The pool could check its connections itself (`CONN_HEALTH_CHECKS`), but it waits after each
        broken one: 1 s, 2 s, and so on. After an outage of the server, all idle connections are
        broken, so a thread would run into the pool's timeout several times in a row.

        When a session begins, it takes the value of `default_transaction_read_only` from the
        database or role, and keeps it. It also stays with the host that the server's name stood for
        then. So a session to a server that was read-only would refuse every write until the pool
        replaces it, which may take an hour.

        Raises:
            psycopg_pool.PoolTimeout: there is no connection within the pool's timeout.
        """
        connection = super().get_new_connection(conn_params)
        while self.pool and not _is_fresh(connection) and not _is_usable(connection):
            connection.close()
            self.pool.putconn(connection)
            connection = super().get_new_connection(conn_params)
        return connection

    def _configure_connection(self, connection: Connection[Any]) -> bool:
        """Prepare a session. The pool, or Django if there is no pool, calls this once for each."""
        super()._configure_connection(connection)  # type: ignore[misc]
        _usable_at[connection] = time.monotonic()
        with connection.cursor() as cursor:
            # The steps of the pipeline must read what other sessions have just committed. At a
            # stricter isolation level, PostgreSQL would refuse concurrent statements although the
            # row lock makes each of them correct.
            cursor.execute("SET default_transaction_isolation TO 'read committed'")
            if statement_seconds:
                cursor.execute(f"SET statement_timeout TO {round(statement_seconds * 1000)}")
        return True


def _is_usable(connection: Connection[Any]) -> bool:
    """Whether the server answers on this connection, and allows writes."""
    try:
        ConnectionPool.check_connection(connection)
    except OperationalError:
        return False
    if _is_read_only(connection):
        return False
    _usable_at[connection] = time.monotonic()
    return True


def _is_read_only(connection: Connection[Any]) -> bool:
    """Whether the server reported with its last answer that it is read-only (PostgreSQL 14+)."""
    return "on" in (
        connection.info.parameter_status("default_transaction_read_only"),
        connection.info.parameter_status("in_hot_standby"),
    )


def _is_fresh(connection: Connection[Any]) -> bool:
    return time.monotonic() - _usable_at.get(connection, 0.0) <= _FRESH_SECONDS
