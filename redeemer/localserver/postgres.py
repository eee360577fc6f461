"""Runs PostgreSQL as a child process, in the foreground, on 127.0.0.1 only, with a password."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import psycopg

from redeemer.localserver import leftovers
from redeemer.localserver.discovery import remove_libpq_variables
from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.home import make_folder, write_private
from redeemer.localserver.ownership import ensure_owner
from redeemer.localserver.servers import POSTGRES_MAJOR, postgres_programs
from redeemer.localserver.spawn import Account, spawn_with_parent_death_signal

#: The role that `initdb` creates, which is a superuser. Earlier releases connected as this role.
_SUPERUSER = "redeemer"
#: The role that Redeemer connects as.
_OWNER = "redeemer_owner"
_DATABASE = "redeemer"
_PASSWORD_FILE = "postgres.password"  # noqa: S105 - a file name; it exists only while initdb reads it
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # No Unix socket is used, because a path of over 107 bytes would prevent the start.
    "unix_socket_directories": "",
    "max_connections": "100",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Releases the row locks of a process that is frozen in a transaction.
    "idle_in_transaction_session_timeout": "30s",
    # Without these, PostgreSQL starts three I/O workers and a replication launcher. An
    # installation needs none of them: PostgreSQL finds its data in memory, and does not replicate.
    "io_method": "sync",
    "max_logical_replication_workers": "0",
    # The write-ahead log (WAL) takes up to 1 GB by default. A small one causes more checkpoints
    # while much is written, and costs nothing at rest.
    "min_wal_size": "32MB",
    "max_wal_size": "96MB",
}
#: Settings for data that may be lost. They must never be used for an installation.
THROW_AWAY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
}
#: If root starts PostgreSQL, it runs as the first of these users that exists.
_SYSTEM_USERS = ("postgres", "nobody")
#: Where a system keeps the data of its services across reboots.
_SYSTEM_FOLDER = Path("/var/lib")
#: The folder of Linux's POSIX shared memory. A container often has only 64 MB of it, and sometimes
#: less than a start needs.
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - not written to
_ENOUGH_SHARED_BYTES = 256 * 1024 * 1024


class Postgres:
    """One server with one database, `redeemer`."""

    name = "postgresql"
    # A fast shutdown: PostgreSQL ends the connections, writes everything and exits.
    stop_signal = signal.SIGINT
    parent_death_signal = signal.SIGINT

    def __init__(
        self,
        home: Path,
        *,
        port: int,
        password: str,
        owner_password: str,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """
        Args:
            home: the installation's folder. The data are in `postgres` below it. If the server's
                user cannot reach that folder, they are below a system folder.
            port: a free port of 127.0.0.1.
            password: the superuser's password. Existing data must have been created with it.
            owner_password: the password of the role that owns the database and is in `url`. It may
                differ from the password at the last start.
            settings: settings of the server, in addition to ours.

        Raises:
            CannotStartError: there is no user to run the server as, or no folder for it.
        """
        self.port = port
        self._password = password
        self._owner_password = owner_password
        self._settings = _SETTINGS | dict(settings or {})
        self.account: Account | None = account_for_server(home / "postgres")
        self.folder = reachable_folder(home, self.account)
        self.data = self.folder / "postgres"
        self._home = home

    @property
    def url(self) -> str:
        """The address of the database, for Django. The role in it is not a superuser."""
        return self._address(_OWNER, self._owner_password, _DATABASE)

    def superuser_url(self, database: str = "postgres") -> str:
        """Return a database's address for the superuser. Only the set-up and tests use it."""
        return self._address(_SUPERUSER, self._password, database)

    def prepare(self) -> None:
        """End the processes that an earlier run left, and create the data folder if it is missing.

        libpq's variables are removed from this process, because they would misdirect its own
        connections.

        Raises:
            CannotStartError: another version wrote the data, or a program failed. If a program
                failed, the message contains the end of its output.
        """
        remove_libpq_variables(os.environ)
        (self.folder / _PASSWORD_FILE).unlink(missing_ok=True)
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
            return
        self._check_version()
        leftovers.end_leftover(
            self.data / "postmaster.pid",
            mark=f"-D {self.data}",
            first_signal=signal.SIGINT,
            second_signal=signal.SIGQUIT,
        )
        leftovers.end_orphans(self.data, program="postgres")

    def launch(self, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
        """Start the server."""
        settings = {"dynamic_shared_memory_type": shared_memory_type()} | self._settings
        options = [f"--{name}={value}" for name, value in settings.items()]
        return self._spawn(
            "postgres", "-D", str(self.data), f"--port={self.port}", *options, output=output
        )

    def is_ready(self) -> bool:
        """Whether the database answers. The first call creates the database and its owner's role.

        Raises:
            CannotStartError: the server refuses our password.
        """
        try:
            with self._connect("postgres") as connection:
                ensure_owner(
                    connection,
                    self._connect,
                    superuser=_SUPERUSER,
                    owner=_OWNER,
                    password=self._owner_password,
                    database=_DATABASE,
                )
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise CannotStartError(
                    f"PostgreSQL's data in {self.data} were made with another password than the "
                    "one in secrets.json."
                ) from error
            return False
        return True

    def observe_line(self, line: str) -> None:
        """Do nothing: nothing in the server's output is needed."""

    def repair(self, _exit_status: int) -> None:
        """Do nothing: only a person may decide to remove the data."""

    def _check_version(self) -> None:
        """Check the version of the data.

        Raises:
            CannotStartError: another version wrote the data. Unlike PostgreSQL's own message, this
                one says what to do.
        """
        wrote = (self.data / "PG_VERSION").read_text(encoding="utf-8", errors="replace").strip()
        if wrote != str(POSTGRES_MAJOR):
            raise CannotStartError(
                f"The data in {self.data} were written by PostgreSQL {wrote}, and this release has "
                f"{POSTGRES_MAJOR}: make a backup with the release that wrote them, move that "
                "folder away, and restore the backup with this release "
                "(docs/how-to/back-up-and-restore.md)."
            )

    def _initialise(self) -> None:
        """Create the data folder under another name, and rename it.

        So a folder that is left by an interrupted call does not look complete.
        """
        self._check_can_initialise()
        draft, password = self.data.with_name("postgres.part"), self.folder / _PASSWORD_FILE
        leftovers.end_orphans(draft, program="postgres")
        try:
            if draft.exists():
                shutil.rmtree(draft)
            draft.mkdir(mode=0o700)
        except OSError as error:
            raise CannotStartError(
                f"Cannot replace {draft}, which an interrupted start left ({error.strerror}): "
                "remove it."
            ) from error
        write_private(password, self._password + "\n")
        if self.account:
            os.chown(draft, self.account.uid, self.account.gid)
            os.chown(password, self.account.uid, self.account.gid)
        try:
            self._run_initdb(draft, password)
        finally:
            password.unlink(missing_ok=True)
        draft.rename(self.data)

    def _run_initdb(self, data: Path, password: Path) -> None:
        arguments = [f"--pgdata={data}", f"--username={_SUPERUSER}", f"--pwfile={password}"]
        arguments += ["--auth=scram-sha-256", "--encoding=UTF8"]
        arguments += [f"--set=dynamic_shared_memory_type={shared_memory_type()}"]
        # With these options, sort order and upper case are the same on every computer, whatever
        # locales it has.
        arguments += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if self._settings.get("fsync") == "off":
            arguments.append("--no-sync")
        process = self._spawn(
            "initdb", *arguments, output=subprocess.PIPE, parent_death_signal=signal.SIGKILL
        )
        output, _ = process.communicate(timeout=120)
        if process.returncode != 0:
            raise CannotStartError(
                "PostgreSQL's data folder could not be made.\n"
                + output.decode(errors="replace")[-1000:]
            )

    def _check_can_initialise(self) -> None:
        """Check for problems that initdb would not notice, or would not explain.

        Raises:
            CannotStartError: the folder may contain a database; the server's user has no name; or
                the programs are in a folder that initdb cannot handle.
        """
        if self.data.exists() and any(self.data.iterdir()):
            raise CannotStartError(
                f"{self.data} is no data folder of PostgreSQL (it has no PG_VERSION), and it is "
                "not empty. Nothing in it is changed: move it away, and restore a backup if it was "
                "the database (docs/how-to/back-up-and-restore.md)."
            )
        if not _is_plain(programs := self._programs()):
            raise CannotStartError(
                f"PostgreSQL's data cannot be made by the programs in {programs}: the path "
                "contains a quote, `$`, a backtick or a backslash. Move the repository to another "
                "folder, or set DATABASE_URL."
            )
        uid = self.account.uid if self.account else os.geteuid()
        try:
            pwd.getpwuid(uid)
        except KeyError as error:
            raise CannotStartError(
                f"User {uid} has no name on this computer, and PostgreSQL's data cannot be made "
                "without one. Run this as a user who has one, give it one (as root: useradd "
                f"--no-create-home --uid {uid} redeemer), or set DATABASE_URL to use a database of "
                "your own."
            ) from error

    def _spawn(
        self,
        program: str,
        *arguments: str,
        output: int | IO[bytes],
        parent_death_signal: signal.Signals | None = None,
    ) -> subprocess.Popen[bytes]:
        programs = self._programs()
        try:
            return spawn_with_parent_death_signal(
                [str(programs / program), *arguments],
                environment={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                folder=self.folder,
                output=output,
                account=self.account,
                parent_death_signal=parent_death_signal or self.parent_death_signal,
            )
        except (OSError, subprocess.SubprocessError) as error:
            as_user = f" as user {self.account.name}" if self.account else ""
            raise CannotStartError(
                f"{programs / program} cannot be started{as_user}: {error}"
            ) from error

    def _programs(self) -> Path:
        """Return the folder with the programs that the server's user can run."""
        return postgres_programs(
            self.account,
            lambda: self.folder if _is_plain(self.folder) else system_folder(self._home),
        )

    def _connect(self, database: str) -> psycopg.Connection[Any]:
        """Connect the superuser to a database, in autocommit mode."""
        return psycopg.connect(self.superuser_url(database), connect_timeout=2, autocommit=True)

    def _address(self, user: str, password: str, database: str) -> str:
        place = f"127.0.0.1:{self.port}/{quote(database, safe='')}"
        return f"postgres://{user}:{quote(password, safe='')}@{place}"


def account_for_server(data: Path) -> Account | None:
    """Find the user to run PostgreSQL as, because PostgreSQL refuses to run as root.

    Returns:
        None if this user is not root. Otherwise the owner of the data, or a system user.

    Raises:
        CannotStartError: this user is root, and there is no other user to run PostgreSQL as.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat().st_uid) != 0:
        try:
            return Account.from_entry(pwd.getpwuid(owner))
        except KeyError:
            return Account(str(owner), owner, owner)
    for name in _SYSTEM_USERS:
        try:
            return Account.from_entry(pwd.getpwnam(name))
        except KeyError:
            continue
    raise CannotStartError(
        "PostgreSQL does not run as root, and there is no user `postgres` or `nobody`: run this as "
        "another user."
    )


def reachable_folder(home: Path, account: Account | None) -> Path:
    """Return a folder that `account` can reach, for the server.

    This is `home` if possible. Otherwise it is a folder below /var/lib that is named after `home`,
    and that is created if necessary. The modes of existing folders are not changed, except that of
    our own folder below /var/lib.

    Raises:
        CannotStartError: `account` can reach neither folder, or `home` contains data that `account`
            can no longer reach.
    """
    if account is None or account.can_reach(home / "postgres"):
        return home
    if (home / "postgres" / "PG_VERSION").exists():
        raise CannotStartError(
            f"User {account.name} cannot reach the data in {home / 'postgres'}: a folder above is "
            "closed to this user."
        )
    try:
        folder = system_folder(home)
    except OSError as error:
        raise CannotStartError(
            f"PostgreSQL runs as user {account.name}, who cannot reach {home}, and "
            f"{error.filename} cannot be made ({error.strerror}). {_CHOOSE_OPEN_HOME}"
        ) from error
    if not account.can_reach(folder / "postgres"):
        raise CannotStartError(
            f"PostgreSQL runs as user {account.name}, who can reach neither {home} nor {folder}. "
            f"{_CHOOSE_OPEN_HOME}"
        )
    return folder


_CHOOSE_OPEN_HOME = "Set REDEEMER_HOME to a folder that this user can reach."


def system_folder(home: Path) -> Path:
    """Return the folder below /var/lib that is named after `home`. Other users can enter it.

    It is created if necessary.

    Raises:
        OSError: the folder cannot be created.
    """
    name_hash = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:8]
    folder = _SYSTEM_FOLDER / f"redeemer-{name_hash}"
    make_folder(folder)
    if (mode := folder.stat().st_mode) & 0o111 != 0o111 and folder.stat().st_uid == os.geteuid():
        # With some umasks, an earlier release created a folder that other users cannot enter.
        folder.chmod(mode | 0o111)
    return folder


def shared_memory_type(folder: Path = _SHARED_MEMORY) -> str:
    """Return the value for PostgreSQL's `dynamic_shared_memory_type`.

    Parallel workers, for example, use this memory. The value is `posix`, unless this is Linux and
    /dev/shm is missing, closed to other users, or has less than 256 MB left. Then it is `mmap`:
    PostgreSQL uses files in the data folder, which only the size of the disk limits.
    """
    if sys.platform != "linux":
        return "posix"
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return "mmap"
    is_open = os.access(folder, os.W_OK | os.X_OK) and folder.stat().st_mode & 0o003 == 0o003
    return "posix" if is_open and free >= _ENOUGH_SHARED_BYTES else "mmap"


def _is_plain(folder: Path) -> bool:
    """Whether initdb can run programs in this folder. It puts their path into a shell command."""
    return not set(str(folder)) & set('"$`\\')
