"""Writes a consistent dump of a database, and reads the content of a dump without a server."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import psycopg.sql
from django.core.management.base import CommandError
from django.db.migrations.loader import MigrationLoader

from giftcodes import encryption
from giftcodes.cli.progress import ReportProgress
from redeemer.backups.address import Address
from redeemer.backups.programs import Client, ProgramError, client_to_dump, client_to_load, run
from redeemer.environment import Settings
from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.home import Home, SecretStore, private_draft

_DUMP_OPTIONS = (
    "--format=custom",
    "--verbose",
    "--no-password",
    "--lock-wait-timeout=60s",
    # A backup must not contain sessions, because the key of a session is enough to log in.
    "--exclude-table-data=*.django_session",
)
_TABLE_BEGUN = re.compile(r'dumping contents of table "?([^"]+)"?')
#: Reads the approximate size of each table. The exact size would require a lock on the table.
_SIZES = """
    SELECT nspname || '.' || relname, greatest(relpages, 1)
    FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind = 'r'
"""
_MAGIC = b"PGDMP"
_MIGRATIONS, _OPT_OUTS = "django_migrations", "giftcodes_optout"
#: The columns with secrets that cannot be made again if their key is lost.
_ENCRYPTED = {
    "giftcodes_channel": ("address",),
    "giftcodes_feed": ("address", "api_key"),
    "giftcodes_storedsetting": ("value",),
}
_NOTE = re.compile(r"^COMMENT ON TABLE \S*giftcodes_optout IS '(.*)';$", re.MULTILINE)
_ENTRY_BEGUN = re.compile(r"^pg_restore: (creating|processing|executing) ")
_READ_TIMEOUT_SECONDS = 600
_CHECK_VALUE_LENGTH = 32


def write_dump(address: Address, file: Path, tell: ReportProgress = lambda _part: None) -> int:
    """Dump the database into `file`, which only its owner can read.

    The file appears only when it is complete.

    Args:
        address: the database.
        file: the path of the dump.
        tell: called with the completed part, from 0 to 1.

    Returns:
        The file's size in bytes.

    Raises:
        CommandError: the dump failed; the message is one line. No partial file is left, and an
            existing file is unchanged.
    """
    with address.connect() as connection:
        client = client_to_dump(
            connection.info.server_version // 10_000, needs_tls=connection.pgconn.ssl_in_use
        )
        sizes: dict[str, int] = dict(connection.execute(_SIZES).fetchall())
    try:
        with private_draft(file) as draft:
            run(
                [client.program("pg_dump"), *_DUMP_OPTIONS, f"--file={draft}"],
                environment=address.environment(),
                on_line=_tables_done(sizes, tell),
            )
        return file.stat().st_size
    except OSError as error:
        raise CommandError(
            f"{file} cannot be written: {error.strerror or error}. No backup was made."
        ) from error
    except ProgramError as error:
        raise CommandError(f"{_explanation(error, file)} No backup was made.") from error


def _tables_done(sizes: dict[str, int], tell: ReportProgress) -> Callable[[str], None]:
    """Return a function that reads pg_dump's output line by line.

    It reports the completed part, from 0 to 1, whenever a table begins.
    """
    total = sum(sizes.values()) or 1
    begun: list[int] = []

    def on_line(line: str) -> None:
        if found := _TABLE_BEGUN.search(line):
            tell(sum(begun) / total)
            begun.append(sizes.get(found[1], 0))

    return on_line


def _explanation(error: ProgramError, file: Path) -> str:
    first = str(error)
    if any("No space left" in line or "quota" in line for line in error.errors):
        return f"The disk of {file.parent} is full."
    if "lock timeout" in first:
        return (
            "A table has been locked for over a minute, perhaps by a migration: try again when the "
            "lock is gone."
        )
    return f"pg_dump: {first}."


def note_on_opt_outs(address: Address, note: str) -> str | None:
    """Store `note` as the comment of the table of opt-outs, so that every dump contains it.

    Returns:
        The note that was replaced, or None if there was no note.

    Raises:
        CommandError: this user does not own the table, or the table is locked for over a minute.
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


def own_key(home: Home) -> str | None:
    """Return the site's SECRET_KEY.

    Returns:
        The key in the environment, otherwise the one that `make up` generated. None if there is
        no key yet.

    Raises:
        CommandError: the file with the key cannot be read.
    """
    if given := os.environ.get("SECRET_KEY"):
        return given
    try:
        return SecretStore(home.secrets).get("secret_key")
    except CannotStartError as error:
        raise CommandError(str(error)) from error


def is_note_of(note: str | None, home: Home) -> bool:
    """Return whether the backup with this note was made with our SECRET_KEY or OLD_SECRET_KEY.

    Raises:
        CommandError: the file with the key cannot be read.
    """
    keys = [own_key(home), os.environ.get("OLD_SECRET_KEY")]
    return note in {check_value(key) for key in keys if key}


def can_decrypt(dump: Dump, home: Home) -> bool:
    """Return whether our keys decrypt every secret of the backup that cannot be made again.

    Our keys are those in ENCRYPTION_KEYS, SECRET_KEY and OLD_SECRET_KEY (giftcodes.encryption).

    Raises:
        CommandError: the file with the key cannot be read.
    """
    given = Settings().list("ENCRYPTION_KEYS")
    keys = [*given, own_key(home), os.environ.get("OLD_SECRET_KEY")]
    return dump.key_prefixes <= {encryption.prefix_of(key) for key in keys if key}


def check_value(key: str) -> str:
    """Return a hash by which a dump can be matched to its SECRET_KEY. It does not reveal the key.

    The opt-outs in a dump are hashes that need the same key (decision 9).
    """
    digest = hmac.new(f"backup:{key}".encode(), b"check value", hashlib.sha256).hexdigest()
    return digest[:_CHECK_VALUE_LENGTH]


@dataclass(frozen=True)
class Dump:
    """What a file of pg_dump contains. The file has been read to its end, so it is complete.

    Args:
        key_prefixes: the prefixes of the secrets that cannot be made again. They name the keys.
    """

    file: Path
    made_at: str
    server_version: str
    entries: int
    migrations: frozenset[tuple[str, str]]
    opt_outs: int
    key_prefixes: frozenset[str]
    note: str | None

    def unknown_migrations(self) -> list[str]:
        """Return the dump's migrations that this release lacks, such as `giftcodes.0009_more`."""
        loader = MigrationLoader(None, ignore_no_migrations=True)
        known = set(loader.disk_migrations)
        for migration in loader.disk_migrations.values():
            known.update(migration.replaces)
        apps = {app for app, _ in known}
        return sorted(
            f"{app}.{name}"
            for app, name in self.migrations
            if app in apps and (app, name) not in known
        )


def read_dump(file: Path, tell: ReportProgress = lambda _part: None) -> Dump:
    """Read a dump to its end.

    Args:
        file: the path of the dump.
        tell: called with the completed part, from 0 to 1.

    Raises:
        CommandError: the file cannot be read, is not a dump of ours, is truncated or damaged, or is
            too new for the programs on this computer.
    """
    _check_beginning(file)
    client = client_to_load()
    head = _pg_restore(client, file, "--list")
    entries = sum(1 for line in head.splitlines() if line and not line.startswith(";"))
    _read_through(client, file, entries, tell)
    tables = [f"--table={table}" for table in (_MIGRATIONS, _OPT_OUTS, *_ENCRYPTED)]
    rows = _pg_restore(client, file, "--data-only", *tables, "--file=-")
    note = _NOTE.search(_pg_restore(client, file, "--schema-only", "--file=-"))
    migrations = frozenset((row["app"], row["name"]) for row in _rows(rows, _MIGRATIONS))
    if not any(app == "giftcodes" for app, _ in migrations):
        raise CommandError(f"{file} is a dump of another program's database.")
    return Dump(
        file=file,
        made_at=_header(head, "Archive created at"),
        server_version=_header(head, "Dumped from database version:"),
        entries=entries,
        migrations=migrations,
        opt_outs=len(_rows(rows, _OPT_OUTS)),
        key_prefixes=_key_prefixes(rows),
        note=note[1] if note else None,
    )


def _key_prefixes(rows: str) -> frozenset[str]:
    # An older release may lack a column, or have stored the plain text in it.
    found = {
        encryption.prefix_in(row.get(column, ""))
        for table, columns in _ENCRYPTED.items()
        for row in _rows(rows, table)
        for column in columns
    }
    return frozenset(found - {""})


def entries_done(entries: int, tell: ReportProgress) -> Callable[[str], None]:
    """Return a function that reads pg_restore's output line by line.

    It reports the completed part, from 0 to 1, whenever an entry begins.
    """
    begun = count()

    def on_line(line: str) -> None:
        if _ENTRY_BEGUN.match(line):
            tell(next(begun) / max(entries, 1))

    return on_line


def _check_beginning(file: Path) -> None:
    try:
        with file.open("rb") as opened:
            beginning = opened.read(len(_MAGIC))
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror or error}.") from error
    if beginning != _MAGIC:
        raise CommandError(f"{file} is not a backup: it was not written by `manage.py backup`.")


def _read_through(client: Client, file: Path, entries: int, tell: ReportProgress) -> None:
    command = [client.program("pg_restore"), "--verbose", "--file=/dev/null", str(file)]
    try:
        run(command, environment={"LC_ALL": "C"}, on_line=entries_done(entries, tell))
    except ProgramError as error:
        raise CommandError(_damaged(file, str(error))) from error


def _pg_restore(client: Client, file: Path, *arguments: str) -> str:
    """Run pg_restore on a file, and return its output."""
    done = subprocess.run(  # noqa: S603
        [client.program("pg_restore"), *arguments, str(file)],
        capture_output=True,
        encoding="utf-8",
        env={"LC_ALL": "C", "TZ": "UTC"},
        check=False,
        timeout=_READ_TIMEOUT_SECONDS,
    )
    if done.returncode != 0:
        first_line = done.stderr.strip().partition("\n")[0]
        raise CommandError(_damaged(file, first_line.removeprefix("pg_restore: error: ")))
    return done.stdout


def _damaged(file: Path, reason: str) -> str:
    if "unsupported version" in reason:
        return (
            f"{file} was written by a pg_dump that is newer than every pg_restore here: install a "
            "newer pg_restore."
        )
    return f"{file} is cut off or damaged ({reason})."


def _header(head: str, title: str) -> str:
    found = re.search(rf"^;\s+{re.escape(title)} (.*)$", head, re.MULTILINE)
    return found[1] if found else "unknown"


def _rows(text: str, table: str) -> list[dict[str, str]]:
    """Return the rows of one table, from the COPY blocks that pg_restore writes."""
    found = re.search(
        rf"^COPY \S*{table} \((.*)\) FROM stdin;\n((?:.*\n)*?)\\\.$", text, re.MULTILINE
    )
    if found is None:
        return []
    columns = found[1].split(", ")
    # Only "\n" ends a row: a value may contain other signs at which `splitlines` splits.
    lines = found[2].split("\n")[:-1]
    return [dict(zip(columns, line.split("\t"), strict=True)) for line in lines]
