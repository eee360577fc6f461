"""The address of a database, for psycopg and for PostgreSQL's own programs."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import psycopg
from django.core.management.base import CommandError
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from redeemer import database_url

#: Databases that every server has. Other databases are created or renamed through a connection to
#: one of these.
_MAINTENANCE_DATABASES = ("postgres", "template1")
#: The programs must answer in English, because their output is parsed.
_LOCALE = {"LC_ALL": "C", "TZ": "UTC"}
_INHERITED = ("PATH", "HOME", "SYSTEMROOT")


@dataclass(frozen=True)
class Address:
    """The address of one database.

    `url` has the form of DATABASE_URL. It is never shown, because it contains the password.
    """

    url: str = field(repr=False)

    @property
    def name(self) -> str:
        """The database's name."""
        return database_url.parameters(self.url).get("dbname", "")

    def with_name(self, name: str) -> Address:
        """Return the address of another database on the same server."""
        return Address(database_url.with_name(self.url, name))

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Open a connection in autocommit mode.

        Raises:
            psycopg.OperationalError: the server does not answer or refuses us, or there is no such
                database.
        """
        settings = {
            "connect_timeout": "5",
            **self._parameters(),
            "application_name": "redeemer-backup",
        }
        return psycopg.connect(make_conninfo(**settings), autocommit=True)

    def connect_to_server(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Connect to another database on the server, so that this database can be renamed.

        Raises:
            CommandError: the server does not answer or refuses us.
        """
        for name in _MAINTENANCE_DATABASES:
            try:
                return self.with_name(name).connect()
            except psycopg.OperationalError as error:
                reason = str(error).strip().partition("\n")[0]
        raise CommandError(f"The database server does not answer ({reason}). Correct DATABASE_URL.")

    def environment(self) -> dict[str, str]:
        """Return the environment for PostgreSQL's programs.

        It contains the password, so that no command line has to.
        """
        given = self._parameters()
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name in _INHERITED or name.startswith("PG")
        }
        return (
            inherited
            | _LOCALE
            | {variable: given[keyword] for keyword, variable in _variables() if keyword in given}
        )

    def _parameters(self) -> dict[str, str]:
        """Return the libpq parameters of the address, without the options that are for Django."""
        return {
            keyword: value for keyword, value in database_url.parameters(self.url).items() if value
        }


def _variables() -> list[tuple[str, str]]:
    return [
        (option.keyword.decode(), option.envvar.decode())
        for option in Conninfo.get_defaults()
        if option.envvar
    ]
