"""Which pg_dump and pg_restore to use: the embedded server's own, or one that the system has."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.core.management.base import CommandError

from redeemer.localserver import wheels
from redeemer.localserver.errors import CannotStartError

#: Where packages put them beside PATH: Debian, the PostgreSQL project's RPMs, Homebrew on both architectures.
_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)


@dataclass(frozen=True, order=True)
class Client:
    """A folder with both programs. The embedded ones are built without TLS."""

    major: int
    speaks_tls: bool
    folder: Path

    def program(self, name: str) -> str:
        """The path of one of them."""
        return str(self.folder / name)


def client_to_dump(server_major: int, *, needs_tls: bool) -> Client:
    """The programs nearest to the server: pg_dump refuses a server that is newer than itself.

    Args:
        server_major: such as 18.
        needs_tls: whether the site itself reaches the server by TLS. Its data must not travel openly then.

    Raises:
        CommandError: there are none; the message says what to install.
    """
    fitting = [client for client in _usable(needs_tls=needs_tls) if client.major >= server_major]
    if not fitting:
        raise CommandError(
            f"The server is PostgreSQL {server_major}, and there is no pg_dump of that version or a newer one here"
            f"{_with_tls(needs_tls=needs_tls)}: install PostgreSQL's client programs, such as the package "
            f"postgresql-client-{server_major}."
        )
    return min(fitting)


def client_to_load(*, needs_tls: bool = False) -> Client:
    """The newest programs: pg_restore reads every older dump.

    Raises:
        CommandError: there are none.
    """
    usable = _usable(needs_tls=needs_tls)
    if not usable:
        raise CommandError(
            f"There is no pg_restore here{_with_tls(needs_tls=needs_tls)}: install PostgreSQL's client programs, such "
            "as the package postgresql-client."
        )
    return max(usable)


def _usable(*, needs_tls: bool) -> list[Client]:
    return [client for client in _found() if client.speaks_tls or not needs_tls]


def _with_tls(*, needs_tls: bool) -> str:
    return " that speaks TLS" if needs_tls else ""


def _found() -> Iterator[Client]:
    try:
        bundled = wheels.postgres_programs(None, Path)
    except CannotStartError:
        pass
    else:
        yield Client(wheels.POSTGRES_MAJOR, speaks_tls=False, folder=bundled)
    folders = set[Path]()
    if on_path := shutil.which("pg_dump"):
        # Debian's is a script that chooses one of those in _PLACES: it leads to another folder without them.
        folders.add(Path(on_path).resolve().parent)
    for pattern in _PLACES:
        folders.update(Path("/").glob(pattern.lstrip("/")))
    for folder in sorted(folders):
        if (major := _major(folder)) is not None:
            yield Client(major, speaks_tls=True, folder=folder)


def _major(folder: Path) -> int | None:
    """The version that both programs have; None: they are not there, or do not run."""
    versions = {_version(folder / name) for name in ("pg_dump", "pg_restore")}
    return versions.pop() if len(versions) == 1 else None


def _version(program: Path) -> int | None:
    try:
        said = subprocess.run(  # noqa: S603
            [str(program), "--version"], capture_output=True, text=True, check=False, timeout=10
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\) (\d+)", said)
    return int(found[1]) if found else None
