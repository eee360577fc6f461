"""Replaces a database with a dump. The old one is not changed until the new one is complete."""

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

from giftcodes.cli.progress import ReportProgress
from giftcodes.queries.heartbeat import STALE_SECONDS
from redeemer.backups.address import Address
from redeemer.backups.dumps import Dump, entries_done
from redeemer.backups.programs import ProgramError, client_to_load, run
from redeemer.paths import CODE

#: PostgreSQL silently truncates names that have more bytes.
_MAX_NAME_BYTES = 63
#: The error of an older server that does not know a parameter which a newer pg_restore sets. It is
#: ignored, because the parameter has no effect on the data.
_HARMLESS = 'unrecognized configuration parameter "transaction_timeout"'
_LOCALE = """
    SELECT pg_encoding_to_char(encoding), datcollate, datctype, datlocprovider,
           coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale')
    FROM pg_database d WHERE datname = %s
"""
_PROVIDERS = {"i": ("icu", "ICU_LOCALE"), "b": ("builtin", "BUILTIN_LOCALE")}
_HAS_TABLES = """
    SELECT EXISTS (
        SELECT 1 FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
    )
"""
_SESSIONS = """
    SELECT coalesce(nullif(application_name, ''), 'without a name'), count(*)
    FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid() AND usesysid IS NOT NULL
    GROUP BY 1 ORDER BY 1
"""
_TICK_AGE = """
    SELECT extract(epoch FROM clock_timestamp() - at)::float
    FROM giftcodes_heartbeat WHERE name = 'tick'
"""
_STOP_THEM = "Stop the workers, beat and the site, and try again."

#: Given the title of a step, shows the title and the progress while the step runs.
Stage = Callable[[str], AbstractContextManager[ReportProgress]]


def replace_database(
    address: Address, dump: Dump, stage: Stage, *, secret_key: str = ""
) -> str | None:
    """Load `dump` into a new database, migrate it, and swap the names in one transaction.

    Args:
        address: the database to replace.
        dump: the backup.
        stage: shows the title and the progress of a step.
        secret_key: the installation's SECRET_KEY, which a migration uses to encrypt. If it is
            empty, the key in the environment is used.

    Returns:
        The new name of the old database. None if there was no database, or if it had no tables.

    Raises:
        CommandError: a step failed. The database is unchanged, and the new one is dropped.
    """
    fresh = address.with_name(_suffixed(address.name, "_restoring"))
    _create(address, fresh)
    try:
        with stage("Loading the data") as tell:
            _load(fresh, dump, tell)
        with stage("Bringing the schema up to date"):
            _migrate(fresh, secret_key)
        refuse_while_connected(address)
        return _swap(address, fresh)
    except BaseException:
        # Raise the first error, even if the server is gone. The next restore drops what is left.
        with suppress(CommandError, psycopg.Error):
            _drop(address, fresh)
        raise


def _create(address: Address, fresh: Address) -> None:
    """Create the new database with the locale of the old one.

    If an earlier attempt left a database with the same name, that one is dropped first.
    """
    _drop(address, fresh)
    with address.connect_to_server() as server:
        old = server.execute(_LOCALE, [address.name]).fetchone()
        try:
            server.execute(
                SQL("CREATE DATABASE {} TEMPLATE template0{}").format(
                    Identifier(fresh.name), _locale_options(old)
                )
            )
        except psycopg.errors.InsufficientPrivilege as error:
            raise CommandError(
                f"User {server.info.user} may not create a database: let an administrator of the "
                f'server run `ALTER ROLE "{server.info.user}" CREATEDB`, or restore by hand '
                "(docs/how-to/back-up-and-restore.md)."
            ) from error
        except psycopg.Error as error:
            raise CommandError(f"No database can be created: {_first_line(error)}.") from error


def _locale_options(old: tuple[str, str, str, str, str | None] | None) -> Composed:
    if old is None:
        return SQL(" ENCODING {}").format(Literal("UTF8"))
    encoding, collate, ctype, provider, locale = old
    clause = SQL(" ENCODING {} LC_COLLATE {} LC_CTYPE {}").format(
        Literal(encoding), Literal(collate), Literal(ctype)
    )
    if provider in _PROVIDERS:
        name, option = _PROVIDERS[provider]
        clause += SQL(" LOCALE_PROVIDER {} {} {}").format(
            Identifier(name), SQL(option), Literal(locale)
        )
    return clause


def _load(fresh: Address, dump: Dump, tell: ReportProgress) -> None:
    with fresh.connect() as connection:
        client = client_to_load(needs_tls=connection.pgconn.ssl_in_use)
    options = ["--verbose", "--no-password", "--no-owner", "--no-privileges"]
    options.append(f"--dbname={psycopg.conninfo.make_conninfo(dbname=fresh.name)}")
    try:
        run(
            [client.program("pg_restore"), *options, str(dump.file)],
            environment=fresh.environment(),
            on_line=entries_done(dump.entries, tell),
        )
    except ProgramError as error:
        if serious := [line for line in error.errors if _HARMLESS not in line]:
            raise CommandError(
                f"The backup cannot be loaded: {serious[0]}. The database is as it was."
            ) from error


def _migrate(fresh: Address, secret_key: str) -> None:
    """Migrate the new database, and collect its statistics.

    The migrations run in a process of their own, because the settings of this process name another
    database, or none.
    """
    environment = {**os.environ, "DATABASE_URL": fresh.url, "DATABASE_POOL": "0"}
    if secret_key:
        environment["SECRET_KEY"] = secret_key
    command = ["migrate", "--no-input", "--skip-checks", "-v", "0"]
    try:
        run([sys.executable, "-m", "redeemer", *command], environment=environment, folder=CODE)
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
    with address.connect_to_server() as server:
        kept = _free_name(server, address.name, f"_before_{dt.datetime.now(dt.UTC):%Y%m%d_%H%M%S}")
        try:
            with server.transaction():
                if holds_data is not None:
                    server.execute(rename.format(Identifier(address.name), Identifier(kept)))
                server.execute(rename.format(Identifier(fresh.name), Identifier(address.name)))
        except psycopg.Error as error:
            raise CommandError(
                f"The databases cannot change places: {_first_line(error)}. The database is as it "
                "was."
            ) from error
    if holds_data is False:
        _drop(address, address.with_name(kept))
    return kept if holds_data else None


def _holds_data(address: Address) -> bool | None:
    """Return whether the database has tables. None means that it does not exist."""
    with address.connect_to_server() as server:
        found = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [address.name])
        if found.fetchone() is None:
            return None
    with address.connect() as connection:
        row = connection.execute(_HAS_TABLES).fetchone()
    return bool(row and row[0])


def _drop(address: Address, what: Address) -> None:
    with address.connect_to_server() as server:
        try:
            server.execute(SQL("DROP DATABASE IF EXISTS {}").format(Identifier(what.name)))
        except psycopg.errors.ObjectInUse as error:
            raise CommandError(
                f"The database {what.name} is in use: another restore is running."
            ) from error


def _free_name(server: psycopg.Connection[Any], name: str, suffix: str) -> str:
    """Return a name that no database has, even if two restores end within the same second."""
    taken = {row[0] for row in server.execute("SELECT datname FROM pg_database").fetchall()}
    suffixes = chain([suffix], (f"{suffix}_{number}" for number in count(2)))
    return next(found for found in (_suffixed(name, one) for one in suffixes) if found not in taken)


def _suffixed(name: str, suffix: str) -> str:
    return name.encode()[: _MAX_NAME_BYTES - len(suffix)].decode(errors="ignore") + suffix


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().partition("\n")[0]


def refuse_while_connected(address: Address) -> None:
    """Check that no other session is connected to the database.

    Raises:
        CommandError: another session is connected.
    """
    with address.connect_to_server() as server:
        found = server.execute(_SESSIONS, [address.name]).fetchall()
    if found:
        sessions = ", ".join(f"{name} ×{number}" if number > 1 else name for name, number in found)
        raise CommandError(f"The database {address.name} is in use ({sessions}). {_STOP_THEM}")


def refuse_while_ticking(address: Address) -> None:
    """Check that no worker is running.

    A worker may have no connection at the moment, but it takes a tick at least every four seconds.

    Raises:
        CommandError: a worker took a tick less than ten seconds ago.
    """
    try:
        with address.connect() as connection:
            row = connection.execute(_TICK_AGE).fetchone()
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable):
        return  # There is no such database yet, or it is empty.
    if row is not None and 0 <= row[0] < STALE_SECONDS:
        raise CommandError(f"A worker took a tick {row[0]:.0f} s ago. {_STOP_THEM}")
