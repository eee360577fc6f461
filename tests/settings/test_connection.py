"""Connections work with any defaults of the database, and after the defaults have changed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import InternalError
from django.db.utils import ConnectionHandler

from redeemer.database_url import django_settings
from redeemer.postgresql import base
from redeemer.settings import POOL

pytestmark = pytest.mark.django_db

WITHIN_SECONDS = 120.0


@pytest.fixture
def change() -> Iterator[Callable[[str], None]]:
    """Runs `ALTER DATABASE … ` on a database that exists only for the test."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        name = _name()
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield lambda text: server.execute(f"ALTER DATABASE {name} {text}") and None
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def connected(*, pooled: bool, most: int = 2) -> Iterator[Any]:
    """A connection of Django to this database, with the site's engine.

    Args:
        pooled: whether there is a pool, as in an installation. The tests' own settings have none.
        most: the maximum number of sessions in the pool.
    """
    url = os.environ["DATABASE_URL"].rpartition("/")[0] + "/" + _name()
    alias = f"defaults_{pooled}"
    database: dict[str, Any] = {
        **django_settings(url),
        "ENGINE": "redeemer.postgresql",
        "CONN_HEALTH_CHECKS": not pooled,
        "TEST": {},
    }
    database["OPTIONS"] = {"pool": {**POOL, "max_size": most}} if pooled else {}
    connection = ConnectionHandler({"default": {}, alias: database})[alias]
    try:
        yield connection
    finally:
        connection.close()
        connection.close_pool()


@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize("level", ["serializable", "repeatable read"])
def test_transactions_are_read_committed_with_any_default_of_the_database(
    change: Callable[[str], None], level: str, pooled: bool
) -> None:
    change(f"SET default_transaction_isolation TO '{level}'")

    with connected(pooled=pooled) as connection:
        alone = _ask(connection, "SHOW transaction_isolation")
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SHOW transaction_isolation")
            (within,) = cursor.fetchone()
            cursor.execute("ROLLBACK")

    assert (alone, within) == ("read committed", "read committed")


@pytest.mark.parametrize("pooled", [True, False])
def test_sessions_write_again_after_the_database_was_read_only(
    change: Callable[[str], None], pooled: bool
) -> None:
    change("SET default_transaction_read_only TO on")
    with connected(pooled=pooled) as connection:
        assert not _writes(connection)
        assert _ask(connection, "SELECT 1") == 1
        connection.close()

        change("RESET default_transaction_read_only")

        deadline = time.monotonic() + WITHIN_SECONDS
        while not _writes(connection):
            connection.close()
            assert time.monotonic() < deadline, "a session stayed read-only"
            time.sleep(0.1)


def test_a_read_only_database_can_be_read(change: Callable[[str], None]) -> None:
    change("SET default_transaction_read_only TO on")
    with connected(pooled=True) as connection:
        first = _ask(connection, "SELECT pg_backend_pid()")
        connection.close()
        deadline = time.monotonic() + WITHIN_SECONDS
        while _ask(connection, "SELECT pg_backend_pid()") == first:
            connection.close()
            assert time.monotonic() < deadline, "a read-only session was kept"
            time.sleep(0.1)


def test_after_an_outage_the_first_thread_gets_a_session_although_all_idle_ones_are_broken(
    change: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool itself would give up after three broken sessions (`timeout` in POOL)."""
    change("SET timezone TO 'UTC'")
    with connected(pooled=True, most=8) as connection:
        assert _ask(connection, "SELECT 1") == 1
        pool = connection.pool
        idle = [pool.getconn(timeout=WITHIN_SECONDS) for _ in range(7)]
        for session in idle:
            pool.putconn(session)
        connection.close()
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
            ended = server.execute(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = %s",
                [_name()],
            ).fetchall()
        monkeypatch.setattr(base, "_FRESH_SECONDS", 0.0)

        assert ended == [(True,)] * 8
        assert _ask(connection, "SELECT 1") == 1


def _writes(connection: Any) -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS written (n int)")
    except InternalError as error:
        if isinstance(error.__cause__, psycopg.errors.ReadOnlySqlTransaction):
            return False
        raise
    return True


def _ask(connection: Any, statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def _name() -> str:
    return f"defaults_{os.getpid()}"
