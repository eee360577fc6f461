"""Databases of a test run.

The migrations run once, and every other database is a copy of their result.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.sql import SQL, Identifier

from redeemer.localserver.home import REPOSITORY

_TEMPLATE = "migrated"
#: The lock for making the template. pytest-xdist's workers share a server: one makes the template.
_LOCK = 4711


def url_of(name: str) -> str:
    """The address of a database on the server of the tests."""
    return f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{name}"


def make(name: str) -> None:
    """Make a database with all migrations. A database of the same name is dropped first."""
    with _server() as server:
        _have_template(server)
        _drop(server, name)
        server.execute(
            SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(_TEMPLATE))
        )


def drop(name: str) -> None:
    """Drop a database if it exists, even if somebody is connected to it."""
    with _server() as server:
        _drop(server, name)


def _have_template(server: psycopg.Connection) -> None:
    server.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_TEMPLATE]).fetchone():
        unfinished = f"{_TEMPLATE}_unfinished"
        _drop(server, unfinished)
        server.execute(SQL("CREATE DATABASE {}").format(Identifier(unfinished)))
        _migrate(unfinished)
        server.execute(
            SQL("ALTER DATABASE {} RENAME TO {}").format(
                Identifier(unfinished), Identifier(_TEMPLATE)
            )
        )
    server.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _migrate(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--no-input"],
        cwd=REPOSITORY,
        env={**os.environ, "DATABASE_URL": url_of(name), "DATABASE_POOL": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _drop(server: psycopg.Connection, name: str) -> None:
    server.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))


@contextmanager
def _server() -> Iterator[psycopg.Connection]:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        yield connection
