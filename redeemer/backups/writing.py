"""Write one consistent dump of a database into one file, while everything runs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import psycopg
import psycopg.sql
from django.core.management.base import CommandError

from giftcodes.cli.progress import Tell
from redeemer.backups.address import Address
from redeemer.backups.clients import client_to_dump
from redeemer.backups.running import ProgramError, run

_ARGUMENTS = (
    "--format=custom",
    "--verbose",
    "--no-password",
    "--lock-wait-timeout=60s",
    # Whoever has a session's key is logged in.
    "--exclude-table-data=*.django_session",
)
_BEGUN = re.compile(r'dumping contents of table "?([^"]+)"?')
#: About how large each table is. The exact size would wait for whoever locks the table.
_SIZES = """
    SELECT nspname || '.' || relname, greatest(relpages, 1)
    FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind = 'r'
"""


def write_dump(address: Address, file: Path, tell: Tell = lambda _part: None) -> int:
    """Dump the database into `file`, which appears when it is complete and safe on the disk, for its owner only.

    Returns:
        The file's size in bytes.

    Raises:
        CommandError: in one line, why not. Nothing is left behind, and a file that was there before is untouched.
    """
    with address.connect() as connection:
        client = client_to_dump(
            connection.info.server_version // 10_000, needs_tls=connection.pgconn.ssl_in_use
        )
        sizes: dict[str, int] = dict(connection.execute(_SIZES).fetchall())
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        run(
            [client.program("pg_dump"), *_ARGUMENTS, f"--file={draft}"],
            environment=address.environment(),
            hear=_part_done(sizes, tell),
        )
        _sync(draft)
        draft.replace(file)
        _sync(file.parent)
        return file.stat().st_size
    except OSError as error:
        raise CommandError(
            f"{file} cannot be written: {error.strerror or error}. No backup was made."
        ) from error
    except ProgramError as error:
        raise CommandError(f"{_in_words(error, file)} No backup was made.") from error
    finally:
        draft.unlink(missing_ok=True)


def note_on_opt_outs(address: Address, note: str) -> str | None:
    """Keep `note` as the comment of the table of opt-outs, so that every dump carries it.

    Returns:
        The note that it replaces, None if there was none.

    Raises:
        CommandError: the table is not this user's.
    """
    with address.connect() as connection:
        connection.execute("SET lock_timeout = '60s'")
        row = connection.execute("SELECT obj_description('giftcodes_optout'::regclass)").fetchone()
        before: str | None = row[0] if row else None
        if before != note:
            statement = psycopg.sql.SQL("COMMENT ON TABLE giftcodes_optout IS {}").format(
                psycopg.sql.Literal(note)
            )
            try:
                connection.execute(statement)
            except psycopg.Error as error:
                raise CommandError(
                    f"The backup's note cannot be kept in the database: {error}"
                ) from error
    return before


def _part_done(sizes: dict[str, int], tell: Tell) -> Callable[[str], None]:
    """Hears pg_dump begin with a table, and tells how much of everything lies before it."""
    whole = sum(sizes.values()) or 1
    begun: list[int] = []

    def hear(line: str) -> None:
        if found := _BEGUN.search(line):
            tell(sum(begun) / whole)
            begun.append(sizes.get(found[1], 0))

    return hear


def _in_words(error: ProgramError, file: Path) -> str:
    first = str(error)
    if any("No space left" in line or "quota" in line for line in error.errors):
        return f"The disk of {file.parent} is full."
    if "lock timeout" in first:
        return "A table is locked for over a minute, perhaps by a migration: try again when it is over."
    return f"pg_dump: {first}."


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
