"""Where a database is, in the words of psycopg and of PostgreSQL's own programs."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import psycopg
from django.core.management.base import CommandError
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from redeemer import database_url

#: What is connected to while a database is made or renamed: one that every server has.
_OF_EVERY_SERVER = ("postgres", "template1")
#: The programs answer in English, because their answers are read here.
_PLAIN = {"LC_ALL": "C", "TZ": "UTC"}
_INHERITED = ("PATH", "HOME", "SYSTEMROOT")


@dataclass(frozen=True)
class Address:
    """One database. `url` is as in DATABASE_URL, and holds the password: it is never shown."""

    url: str = field(repr=False)

    @property
    def name(self) -> str:
        """The database's name."""
        return database_url.parameters(self.url).get("dbname", "")

    def at(self, name: str) -> Address:
        """Another database of the same server."""
        return Address(database_url.at(self.url, name))

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection on which each statement is a transaction of its own.

        Raises:
            psycopg.OperationalError: nobody answers, there is no such database, or it is not for us.
        """
        settings = {
            "connect_timeout": "5",
            **self._parameters(),
            "application_name": "redeemer-backup",
        }
        return psycopg.connect(make_conninfo(**settings), autocommit=True)

    def connect_beside(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection to the server that does not keep the database itself from being renamed.

        Raises:
            CommandError: nobody answers, or not to us.
        """
        for name in _OF_EVERY_SERVER:
            try:
                return self.at(name).connect()
            except psycopg.OperationalError as error:
                reason = str(error).strip().partition("\n")[0]
        raise CommandError(f"The database server does not answer ({reason}). Correct DATABASE_URL.")

    def environment(self) -> dict[str, str]:
        """What leads PostgreSQL's programs there. The password is in it, so that no command line has it."""
        given = self._parameters()
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name in _INHERITED or name.startswith("PG")
        }
        return (
            inherited
            | _PLAIN
            | {variable: given[keyword] for keyword, variable in _variables() if keyword in given}
        )

    def _parameters(self) -> dict[str, str]:
        """The settings of libpq in the address; what only Django understands is left out."""
        return {
            keyword: value for keyword, value in database_url.parameters(self.url).items() if value
        }


def _variables() -> list[tuple[str, str]]:
    return [
        (option.keyword.decode(), option.envvar.decode())
        for option in Conninfo.get_defaults()
        if option.envvar
    ]
