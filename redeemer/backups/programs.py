"""Finds and runs PostgreSQL's client programs, pg_dump and pg_restore."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from django.core.management.base import CommandError

from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.servers import POSTGRES_MAJOR, postgres_programs
from redeemer.localserver.spawn import spawn_with_parent_death_signal

#: Where packages install the programs, besides PATH: Debian's packages, the PostgreSQL project's
#: RPMs, and Homebrew on both architectures.
_PACKAGE_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)
#: How many lines of output are kept for the error.
_LINES_KEPT = 200


@dataclass(frozen=True, order=True)
class Client:
    """A folder with pg_dump and pg_restore. The embedded server's programs have no TLS."""

    major: int
    speaks_tls: bool
    folder: Path

    def program(self, name: str) -> str:
        """Return the path of one of the programs."""
        return str(self.folder / name)


def client_to_dump(server_major: int, *, needs_tls: bool) -> Client:
    """Find the oldest programs that can dump a database of this server.

    pg_dump refuses a server that is newer than itself.

    Args:
        server_major: the server's major version, such as 18.
        needs_tls: whether the site uses TLS to reach the server. If so, the data must not travel
            unencrypted.

    Raises:
        CommandError: there are no such programs. The message says what to install.
    """
    fitting = [client for client in _usable(needs_tls=needs_tls) if client.major >= server_major]
    if not fitting:
        raise CommandError(
            f"The server is PostgreSQL {server_major}, and there is no pg_dump of that version or "
            f"a newer one here{_with_tls(needs_tls=needs_tls)}: install PostgreSQL's client "
            f"programs, such as the package postgresql-client-{server_major}."
        )
    return min(fitting)


def client_to_load(*, needs_tls: bool = False) -> Client:
    """Find the newest programs. pg_restore reads the dumps of every older version.

    Args:
        needs_tls: whether the programs must be able to use TLS.

    Raises:
        CommandError: there are no such programs.
    """
    usable = _usable(needs_tls=needs_tls)
    if not usable:
        raise CommandError(
            f"There is no pg_restore here{_with_tls(needs_tls=needs_tls)}: install PostgreSQL's "
            "client programs, such as the package postgresql-client."
        )
    return max(usable)


def _usable(*, needs_tls: bool) -> list[Client]:
    return [client for client in _installed() if client.speaks_tls or not needs_tls]


def _with_tls(*, needs_tls: bool) -> str:
    return " that speaks TLS" if needs_tls else ""


def _installed() -> Iterator[Client]:
    try:
        bundled = postgres_programs(None, Path)
    except CannotStartError:
        pass
    else:
        yield Client(POSTGRES_MAJOR, speaks_tls=False, folder=bundled)
    folders = set[Path]()
    if on_path := shutil.which("pg_dump"):
        # On Debian, pg_dump is a link to a script, which runs one of the programs in
        # _PACKAGE_FOLDERS. The script's own folder has no programs, so it is skipped below.
        folders.add(Path(on_path).resolve().parent)
    for pattern in _PACKAGE_FOLDERS:
        folders.update(Path("/").glob(pattern.lstrip("/")))
    for folder in sorted(folders):
        if (major := _major(folder)) is not None:
            yield Client(major, speaks_tls=True, folder=folder)


def _major(folder: Path) -> int | None:
    """Return the major version of pg_dump and pg_restore in `folder`.

    Returns:
        None if a program is missing or does not run, or if the versions differ.
    """
    versions = {_version(folder / name) for name in ("pg_dump", "pg_restore")}
    return versions.pop() if len(versions) == 1 else None


def _version(program: Path) -> int | None:
    try:
        output = subprocess.run(  # noqa: S603
            [str(program), "--version"], capture_output=True, text=True, check=False, timeout=10
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\) (\d+)", output)
    return int(found[1]) if found else None


class ProgramError(Exception):
    """A program failed. `errors` has one message for each error that the program reported."""

    def __init__(self, errors: Sequence[str]) -> None:
        self.errors = list(errors)
        super().__init__(self.errors[0] if self.errors else "it ended without a message")


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path = Path("/"),
    on_line: Callable[[str], None] = lambda _line: None,
) -> None:
    """Run `command` to its end. The program cannot outlive this process.

    Args:
        command: the program's path and its arguments. Paths must be absolute.
        environment: the whole environment of the program.
        folder: the working directory of the program.
        on_line: called with each line of the program's output.

    Raises:
        ProgramError: the program failed or cannot be started.
    """
    try:
        process = spawn_with_parent_death_signal(
            command, environment=environment, folder=folder, output=subprocess.PIPE
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ProgramError([f"{command[0]} cannot be started: {error}"]) from error
    kept: list[str] = []
    assert process.stdout is not None
    try:
        with process.stdout as output:
            for raw in output:
                line = raw.decode(errors="replace").rstrip()
                if "error:" in line or not _is_progress(line):
                    kept = [*kept[-_LINES_KEPT:], line]
                on_line(line)
        status = process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if status != 0:
        raise ProgramError(_errors(kept) or [f"{Path(command[0]).name} ended with status {status}"])


def _is_progress(line: str) -> bool:
    """Whether the program wrote the line only because of `--verbose`."""
    return line.startswith(("pg_dump: ", "pg_restore: "))


def _errors(lines: Sequence[str]) -> list[str]:
    reported = [line.partition("error: ")[2] for line in lines if "error: " in line]
    return reported or [line for line in lines if line][-1:]


@contextmanager
def exit_on_signals() -> Iterator[None]:
    """Make SIGTERM and SIGHUP raise SystemExit inside the block, so that unfinished work is undone.

    The exit status is 128 plus the number of the signal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [
        found
        for found in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(found) == signal.SIG_DFL
    ]
    for number in numbers:
        signal.signal(number, _exit)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _exit(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
