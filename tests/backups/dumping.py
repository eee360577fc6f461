"""A separate database for each test of `backup` and `restore`.

These commands rename databases, and refuse to run while another session is connected.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from psycopg.sql import SQL, Identifier

from giftcodes.cli.progress import ReportProgress
from redeemer.backups.address import Address
from tests.factories import gift_code, guild

ROOT = Path(__file__).resolve().parents[2]
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
_SEQUENCES = (
    "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1"
)
#: Backups have no sessions, because the key of a session is enough to be logged in.
_LEFT_OUT = {"django_session"}


@dataclass(frozen=True)
class Site:
    """A database with two guilds, and a folder for backups."""

    address: Address
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process that uses this database."""
        return {
            **os.environ,
            "DATABASE_URL": self.address.url,
            "REDEEMER_HOME": str(self.folder / "home"),
        }

    def manage(self, *words: Any, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command of manage.py to its end, with additional environment variables."""
        return subprocess.run(
            [sys.executable, "manage.py", *map(str, words)],
            cwd=ROOT,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def query(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a statement. Returns its rows, if it has any."""
        with self.address.connect() as own:
            cursor = own.execute(statement, parameters or None)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def content(self) -> dict[str, object]:
        """A hash of the rows of each table, and the last value of each sequence."""
        found: dict[str, object] = {}
        with self.address.connect() as own:
            for (table,) in own.execute(_TABLES).fetchall():
                if table not in _LEFT_OUT:
                    rows = own.execute(
                        SQL("SELECT t::text FROM {} t ORDER BY 1").format(Identifier(table))
                    ).fetchall()
                    found[table] = hashlib.sha256(repr(rows).encode()).hexdigest()
            found |= dict(own.execute(_SEQUENCES).fetchall())
        return found

    def databases(self) -> list[str]:
        """The names of this database, and of those that were derived from it."""
        with self.address.connect_to_server() as server:
            rows = server.execute(
                "SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{self.address.name}%"]
            )
            return sorted(name for (name,) in rows)


@pytest.fixture(scope="session")
def template(django_db_setup: None, django_db_blocker: Any) -> Iterator[Address]:
    """The database that each site is a copy of."""
    with django_db_blocker.unblock():
        connection.close()
        test_database = connection.settings_dict["NAME"]
        address = Address(os.environ["DATABASE_URL"]).with_name(f"{test_database}_template")
        _copy(address.with_name(test_database), address)
        connection.settings_dict["NAME"] = address.name
        guild("Wolves", members=3)
        guild("Śnieg", members=2)
        gift_code("FROST")
        connection.close()
        connection.settings_dict["NAME"] = test_database
    yield address
    _drop(address)


@pytest.fixture
def site(db: None, template: Address, tmp_path: Path) -> Iterator[Site]:
    site = Site(template.with_name(template.name.replace("_template", "_site")), tmp_path)
    _copy(template, site.address)
    yield site
    for name in site.databases():
        _drop(site.address.with_name(name))


def _copy(original: Address, copy: Address) -> None:
    _drop(copy)
    with copy.connect_to_server() as server:
        # A thread of an earlier test, such as one that answered a browser, may still be connected.
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            [original.name],
        )
        server.execute(
            SQL("CREATE DATABASE {} TEMPLATE {}").format(
                Identifier(copy.name), Identifier(original.name)
            )
        )


def _drop(address: Address) -> None:
    with address.connect_to_server() as server:
        server.execute(
            SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(address.name))
        )


def unseen(_what: str) -> AbstractContextManager[ReportProgress]:
    """A stage that shows nothing."""
    return nullcontext(lambda _part: None)
