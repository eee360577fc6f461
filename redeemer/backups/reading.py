"""What a dump says about itself, found out without a server."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from django.core.management.base import CommandError
from django.db.migrations.loader import MigrationLoader

from giftcodes.cli.progress import Tell
from redeemer.backups.clients import Client, client_to_load
from redeemer.backups.running import ProgramError, run

_MAGIC = b"PGDMP"
_MIGRATIONS, _OPT_OUTS = "django_migrations", "giftcodes_optout"
_NOTE = re.compile(r"^COMMENT ON TABLE \S*giftcodes_optout IS '(.*)';$", re.MULTILINE)
_ENTRY = re.compile(r"^pg_restore: (creating|processing|executing) ")
_SECONDS = 600


@dataclass(frozen=True)
class Dump:
    """A file that pg_dump wrote, read from its beginning to its end."""

    file: Path
    made_at: str
    server_version: str
    entries: int
    migrations: frozenset[tuple[str, str]]
    opt_outs: int
    note: str | None

    def unknown_migrations(self) -> list[str]:
        """The migrations in it that this code does not have, such as `giftcodes.0009_more`."""
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


def read_dump(file: Path, tell: Tell = lambda _part: None) -> Dump:
    """Read all of a dump.

    Raises:
        CommandError: it cannot be read, is no dump of ours, is cut off or damaged, or too new for the programs here.
    """
    _check_beginning(file)
    client = client_to_load()
    head = _ask(client, file, "--list")
    entries = sum(1 for line in head.splitlines() if line and not line.startswith(";"))
    _read_through(client, file, entries, tell)
    rows = _ask(
        client, file, "--data-only", f"--table={_MIGRATIONS}", f"--table={_OPT_OUTS}", "--file=-"
    )
    note = _NOTE.search(_ask(client, file, "--schema-only", "--file=-"))
    migrations = frozenset((row["app"], row["name"]) for row in _rows(rows, _MIGRATIONS))
    if not any(app == "giftcodes" for app, _ in migrations):
        raise CommandError(f"{file} is a dump of another program's database.")
    return Dump(
        file=file,
        made_at=_headed(head, "Archive created at"),
        server_version=_headed(head, "Dumped from database version:"),
        entries=entries,
        migrations=migrations,
        opt_outs=len(_rows(rows, _OPT_OUTS)),
        note=note[1] if note else None,
    )


def entries_done(entries: int, tell: Tell) -> Callable[[str], None]:
    """Hears what pg_restore is at, and tells how much of so many entries lies before it."""
    begun = count()

    def hear(line: str) -> None:
        if _ENTRY.match(line):
            tell(next(begun) / max(entries, 1))

    return hear


def _check_beginning(file: Path) -> None:
    try:
        with file.open("rb") as opened:
            beginning = opened.read(len(_MAGIC))
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror or error}.") from error
    if beginning != _MAGIC:
        raise CommandError(f"{file} is not a backup: it was not written by `manage.py backup`.")


def _read_through(client: Client, file: Path, entries: int, tell: Tell) -> None:
    command = [client.program("pg_restore"), "--verbose", "--file=/dev/null", str(file)]
    try:
        run(command, environment={"LC_ALL": "C"}, hear=entries_done(entries, tell))
    except ProgramError as error:
        raise CommandError(_damaged(file, str(error))) from error


def _ask(client: Client, file: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603
        [client.program("pg_restore"), *arguments, str(file)],
        capture_output=True,
        encoding="utf-8",
        env={"LC_ALL": "C", "TZ": "UTC"},
        check=False,
        timeout=_SECONDS,
    )
    if done.returncode != 0:
        raise CommandError(
            _damaged(
                file, done.stderr.strip().partition("\n")[0].removeprefix("pg_restore: error: ")
            )
        )
    return done.stdout


def _damaged(file: Path, reason: str) -> str:
    if "unsupported version" in reason:
        return f"{file} was written by a pg_dump that is newer than every pg_restore here: install a newer one."
    return f"{file} is cut off or damaged ({reason})."


def _headed(head: str, title: str) -> str:
    found = re.search(rf"^;\s+{re.escape(title)} (.*)$", head, re.MULTILINE)
    return found[1] if found else "unknown"


def _rows(text: str, table: str) -> list[dict[str, str]]:
    """The rows of one table in the form that pg_restore writes them."""
    found = re.search(
        rf"^COPY \S*{table} \((.*)\) FROM stdin;\n((?:.*\n)*?)\\\.$", text, re.MULTILINE
    )
    if found is None:
        return []
    columns = found[1].split(", ")
    return [dict(zip(columns, line.split("\t"), strict=True)) for line in found[2].splitlines()]
