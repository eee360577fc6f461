"""PostgreSQL as a child of ours: in the foreground, on 127.0.0.1 only, with a password."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psycopg

from redeemer.localserver import leftovers, libpq, shared_memory, wheels
from redeemer.localserver.accounts import Account, account_for_servers
from redeemer.localserver.data_folder import place_for, system_place
from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.home import write_private
from redeemer.localserver.spawn import spawn_with_parent_death_signal

_USER = _DATABASE = "redeemer"
_PASSWORD_FILE = "postgres.password"  # noqa: S105 - its name; there only while initdb reads it
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # A path of over 107 bytes would stop the start.
    "max_connections": "100",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A process that is frozen in a transaction holds its row locks no longer.
    "idle_in_transaction_session_timeout": "30s",
}
#: For data that nobody will miss. Never for an installation.
THROW_AWAY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
}


class Postgres:
    """One server with one database, `redeemer`."""

    name = "postgresql"
    stop_signal = signal.SIGINT  # "Fast": end the connections, write everything, end.
    last_signal = signal.SIGINT

    def __init__(
        self, home: Path, *, port: int, password: str, settings: Mapping[str, str] | None = None
    ) -> None:
        """
        Args:
            home: the installation's folder; data go to `postgres` in it, or where the server's user can reach them.
            port: a free port of 127.0.0.1.
            password: of the database's owner. Data that exist must have been made with it.
            settings: of the server, on top of ours.

        Raises:
            CannotStartError: there is no user or no folder for it.
        """
        self.port = port
        self._password = password
        self._settings = _SETTINGS | dict(settings or {})
        self.account: Account | None = account_for_servers(home / "postgres")
        self.place = place_for(home, self.account)
        self.data = self.place / "postgres"
        self._home = home

    @property
    def url(self) -> str:
        """The address of the database, for Django."""
        return self._address(_DATABASE, "postgres")

    def prepare(self) -> None:
        """End what an earlier run left; make the data folder if there is none.

        From here on, libpq's variables have no effect in this process: they would lead its own connections astray.

        Raises:
            CannotStartError: another version wrote the data; or the last words of the program that failed.
        """
        libpq.forget(os.environ)
        (self.place / _PASSWORD_FILE).unlink(missing_ok=True)
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
            return
        self._check_version()
        leftovers.end(
            self.data / "postmaster.pid",
            mark=f"-D {self.data}",
            polite=signal.SIGINT,
            firm=signal.SIGQUIT,
        )
        leftovers.end_orphans(self.data, program="postgres")

    def launch(self, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
        """Start the server."""
        settings = {"dynamic_shared_memory_type": shared_memory.kind()} | self._settings
        options = [f"--{name}={value}" for name, value in settings.items()]
        return self._spawn(
            "postgres", "-D", str(self.data), f"--port={self.port}", *options, output=output
        )

    def is_ready(self) -> bool:
        """Whether the database answers. The first time it is made here.

        Raises:
            CannotStartError: the server answers, but not to our password.
        """
        try:
            with psycopg.connect(
                self._address("postgres"), connect_timeout=2, autocommit=True
            ) as connection:
                found = connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", [_DATABASE]
                ).fetchone()
                if found is None:
                    connection.execute(f"CREATE DATABASE {_DATABASE}")
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise CannotStartError(
                    f"PostgreSQL's data in {self.data} were made with another password than the one in secrets.json."
                ) from error
            return False
        return True

    def hear(self, line: str) -> None:
        """Nothing of it is needed."""

    def mend(self, _exit_status: int) -> None:
        """Nothing: its data are the truth, and only a person takes them away."""

    def _check_version(self) -> None:
        """PostgreSQL reads the data of its own major version only; its own words for that help nobody here."""
        wrote = (self.data / "PG_VERSION").read_text(encoding="utf-8", errors="replace").strip()
        if wrote != str(wheels.POSTGRES_MAJOR):
            raise CannotStartError(
                f"The data in {self.data} were written by PostgreSQL {wrote}, and this release has "
                f"{wheels.POSTGRES_MAJOR}: make a backup with the release that wrote them, move that folder away, and "
                "restore the backup with this release (docs/how-to/back-up-and-restore.md)."
            )

    def _initialise(self) -> None:
        """Make the data folder under another name first: an interrupted attempt leaves nothing that looks complete."""
        self._check_can_initialise()
        draft, password = self.data.with_name("postgres.part"), self.place / _PASSWORD_FILE
        leftovers.end_orphans(draft, program="postgres")
        try:
            if draft.exists():
                shutil.rmtree(draft)
            draft.mkdir(mode=0o700)
        except OSError as error:
            raise CannotStartError(
                f"Cannot replace {draft}, which is left from a start that was cut off ({error.strerror}): remove it."
            ) from error
        write_private(password, self._password + "\n")
        if self.account:
            os.chown(draft, self.account.uid, self.account.gid)
            os.chown(password, self.account.uid, self.account.gid)
        arguments = [
            "-D",
            str(draft),
            "-U",
            _USER,
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            f"--set=dynamic_shared_memory_type={shared_memory.kind()}",
        ]
        # The same order and the same upper case on every machine, whatever locales it has.
        arguments += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if self._settings.get("fsync") == "off":
            arguments.append("--no-sync")
        try:
            process = self._spawn(
                "initdb", *arguments, output=subprocess.PIPE, last_signal=signal.SIGKILL
            )
            said, _ = process.communicate(timeout=120)
        finally:
            password.unlink(missing_ok=True)
        if process.returncode != 0:
            raise CannotStartError(
                "PostgreSQL's data folder could not be made.\n"
                + said.decode(errors="replace")[-1000:]
            )
        draft.rename(self.data)

    def _check_can_initialise(self) -> None:
        """What initdb would say in words of its own, or would not see.

        Raises:
            CannotStartError: there is something that may have been a database; its user has no name; or its programs
                are in a folder that it cannot name.
        """
        if self.data.exists() and any(self.data.iterdir()):
            raise CannotStartError(
                f"{self.data} is no data folder of PostgreSQL (it has no PG_VERSION), and it is not empty. Nothing in "
                "it is changed: move it away, and restore a backup if it was the database "
                "(docs/how-to/back-up-and-restore.md)."
            )
        if not _is_plain(programs := self._programs()):
            raise CannotStartError(
                f"PostgreSQL's data cannot be made by the programs in {programs}: one of the folders has a quote, `$`, "
                "a backtick or a backslash in its name. Move the repository to another one, or set DATABASE_URL."
            )
        uid = self.account.uid if self.account else os.geteuid()
        try:
            pwd.getpwuid(uid)
        except KeyError as error:
            raise CannotStartError(
                f"User {uid} has no name on this machine, and PostgreSQL's data cannot be made without one. Run this "
                f"as a user who has one, give it one (as root: useradd --no-create-home --uid {uid} redeemer), or set "
                "DATABASE_URL to use a database of your own."
            ) from error

    def _spawn(
        self,
        program: str,
        *arguments: str,
        output: int | IO[bytes],
        last_signal: signal.Signals | None = None,
    ) -> subprocess.Popen[bytes]:
        programs = self._programs()
        try:
            return spawn_with_parent_death_signal(
                [str(programs / program), *arguments],
                environment={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                folder=self.place,
                output=output,
                account=self.account,
                last_signal=last_signal or self.last_signal,
            )
        except (OSError, subprocess.SubprocessError) as error:
            whom = f" as user {self.account.name}" if self.account else ""
            raise CannotStartError(
                f"{programs / program} cannot be started{whom}: {error}"
            ) from error

    def _programs(self) -> Path:
        """Where the programs are that this server's user can run."""
        return wheels.postgres_programs(
            self.account, lambda: self.place if _is_plain(self.place) else system_place(self._home)
        )

    def _address(self, database: str, scheme: str = "postgresql") -> str:
        return (
            f"{scheme}://{_USER}:{quote(self._password, safe='')}@127.0.0.1:{self.port}/{database}"
        )


def _is_plain(folder: Path) -> bool:
    """Whether initdb can run its programs there: it puts their path into a line for a shell, between quotes."""
    return not set(str(folder)) & set('"$`\\')
