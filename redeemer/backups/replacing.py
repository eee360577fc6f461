"""Put a dump in a database's place. The old one is kept, and stays in its place until the new one is complete."""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from itertools import chain, count
from typing import Any

import psycopg
from django.core.management.base import CommandError
from psycopg.sql import SQL, Composed, Identifier, Literal

from giftcodes.cli.progress import Tell
from redeemer.backups.address import Address
from redeemer.backups.clients import client_to_load
from redeemer.backups.reading import Dump, entries_done
from redeemer.backups.running import ProgramError, run
from redeemer.backups.sessions import refuse_while_connected
from redeemer.localserver.home import REPOSITORY

#: PostgreSQL cuts longer names, silently.
_LONGEST_NAME = 63
#: What a newer pg_restore tells every server, and an older server does not know. It means nothing to the data.
_HARMLESS = 'unrecognized configuration parameter "transaction_timeout"'
_LOCALE = """
    SELECT pg_encoding_to_char(encoding), datcollate, datctype, datlocprovider,
           coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale')
    FROM pg_database d WHERE datname = %s
"""
_PROVIDERS = {"i": ("icu", "ICU_LOCALE"), "b": ("builtin", "BUILTIN_LOCALE")}
_HAS_TABLES = "SELECT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema'))"

#: Makes what is shown for a stage of the work.
Stage = Callable[[str], AbstractContextManager[Tell]]


def replace_database(address: Address, dump: Dump, stage: Stage) -> str | None:
    """Load `dump` beside the database, bring it up to date, and change the names in one transaction.

    Returns:
        The name that the old database has now; None if there was none, or nothing in it.

    Raises:
        CommandError: a step failed. The database is as it was before, and nothing is left beside it.
    """
    fresh = address.at(_named(address.name, "_restoring"))
    _make(address, fresh)
    try:
        with stage("Loading the data") as tell:
            _load(fresh, dump, tell)
        with stage("Bringing the schema up to date"):
            _migrate(fresh)
        refuse_while_connected(address)
        return _swap(address, fresh)
    except BaseException:
        # The reason is to be told, and not that the server is gone, too: the next restore drops what is left.
        with suppress(CommandError, psycopg.Error):
            _drop(address, fresh)
        raise


def _make(address: Address, fresh: Address) -> None:
    """Make the new database as the old one is. One that an earlier attempt left goes first."""
    _drop(address, fresh)
    with address.connect_beside() as server:
        like = server.execute(_LOCALE, [address.name]).fetchone()
        try:
            server.execute(
                SQL("CREATE DATABASE {} TEMPLATE template0{}").format(
                    Identifier(fresh.name), _as(like)
                )
            )
        except psycopg.errors.InsufficientPrivilege as error:
            raise CommandError(
                f"User {server.info.user} may not make a database: let an administrator of the server run "
                f'`ALTER ROLE "{server.info.user}" CREATEDB`, or restore by hand '
                "(docs/how-to/back-up-and-restore.md)."
            ) from error
        except psycopg.Error as error:
            raise CommandError(f"No database can be made: {_first_line(error)}.") from error


def _as(like: tuple[str, str, str, str, str | None] | None) -> Composed:
    if like is None:
        return SQL(" ENCODING {}").format(Literal("UTF8"))
    encoding, collate, ctype, provider, locale = like
    clause = SQL(" ENCODING {} LC_COLLATE {} LC_CTYPE {}").format(
        Literal(encoding), Literal(collate), Literal(ctype)
    )
    if provider in _PROVIDERS:
        name, option = _PROVIDERS[provider]
        clause += SQL(" LOCALE_PROVIDER {} {} {}").format(
            Identifier(name), SQL(option), Literal(locale)
        )
    return clause


def _load(fresh: Address, dump: Dump, tell: Tell) -> None:
    with fresh.connect() as connection:
        client = client_to_load(needs_tls=connection.pgconn.ssl_in_use)
    command = [
        client.program("pg_restore"),
        "--verbose",
        "--no-password",
        "--no-owner",
        "--no-privileges",
    ]
    try:
        run(
            [
                *command,
                f"--dbname={psycopg.conninfo.make_conninfo(dbname=fresh.name)}",
                str(dump.file),
            ],
            environment=fresh.environment(),
            hear=entries_done(dump.entries, tell),
        )
    except ProgramError as error:
        if serious := [line for line in error.errors if _HARMLESS not in line]:
            raise CommandError(
                f"The backup cannot be loaded: {serious[0]}. The database is as it was."
            ) from error


def _migrate(fresh: Address) -> None:
    """In a process of its own: this one's settings name another database, or none."""
    environment = {**os.environ, "DATABASE_URL": fresh.url, "DATABASE_POOL": "0"}
    command = [
        sys.executable,
        str(REPOSITORY / "manage.py"),
        "migrate",
        "--no-input",
        "--skip-checks",
        "-v",
        "0",
    ]
    try:
        run(command, environment=environment)
        with fresh.connect() as connection:
            connection.execute("ANALYZE")
    except ProgramError as error:
        raise CommandError(f"The migrations failed: {error}. The database is as it was.") from error
    except psycopg.Error as error:
        raise CommandError(
            f"The new database fails: {_first_line(error)}. The old one is as it was."
        ) from error


def _swap(address: Address, fresh: Address) -> str | None:
    rename = SQL("ALTER DATABASE {} RENAME TO {}")
    holds_data = _holds_data(address)
    with address.connect_beside() as server:
        kept = _free_name(server, address.name, f"_before_{dt.datetime.now(dt.UTC):%Y%m%d_%H%M%S}")
        try:
            with server.transaction():
                if holds_data is not None:
                    server.execute(rename.format(Identifier(address.name), Identifier(kept)))
                server.execute(rename.format(Identifier(fresh.name), Identifier(address.name)))
        except psycopg.Error as error:
            raise CommandError(
                f"The databases cannot change places: {_first_line(error)}. The database is as it was."
            ) from error
    if holds_data is False:
        _drop(address, address.at(kept))
    return kept if holds_data else None


def _holds_data(address: Address) -> bool | None:
    """Whether there are tables in the database; None: it does not exist."""
    with address.connect_beside() as server:
        if (
            server.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [address.name]
            ).fetchone()
            is None
        ):
            return None
    with address.connect() as connection:
        row = connection.execute(_HAS_TABLES).fetchone()
    return bool(row and row[0])


def _drop(address: Address, what: Address) -> None:
    with address.connect_beside() as server:
        try:
            server.execute(SQL("DROP DATABASE IF EXISTS {}").format(Identifier(what.name)))
        except psycopg.errors.ObjectInUse as error:
            raise CommandError(
                f"The database {what.name} is in use: another restore is running."
            ) from error


def _free_name(server: psycopg.Connection[Any], name: str, suffix: str) -> str:
    """A name that no database has yet: two restores may end within one second."""
    taken = {row[0] for row in server.execute("SELECT datname FROM pg_database").fetchall()}
    suffixes = chain([suffix], (f"{suffix}_{number}" for number in count(2)))
    return next(found for found in (_named(name, one) for one in suffixes) if found not in taken)


def _named(name: str, suffix: str) -> str:
    return name.encode()[: _LONGEST_NAME - len(suffix)].decode(errors="ignore") + suffix


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().partition("\n")[0]
