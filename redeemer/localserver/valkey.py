"""Runs Valkey as a child process on 127.0.0.1 only, with a password. It speaks Redis's protocol."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
import signal
import string
import subprocess
from pathlib import Path
from typing import IO
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from redeemer.localserver import leftovers
from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.servers import valkey_program
from redeemer.localserver.spawn import spawn_with_parent_death_signal

_CONFIGURATION = """\
bind 127.0.0.1
port {port}
protected-mode yes
requirepass {password}
dir {data}
pidfile {pid_file}
proc-title-template "{{title}} {{listen-addr}} {mark}"
appendonly yes
appendfsync everysec
auto-aof-rewrite-min-size 8mb
maxmemory-policy noeviction
save ""
daemonize no
loglevel notice
"""
_PLAIN_CHARACTERS = string.ascii_letters + string.digits + "/._-"
#: One of these signals ends Valkey if its data are damaged. Other signals come from outside.
_CRASHES = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
#: How many damaged data folders are kept beside the one in use.
_DAMAGED_FOLDERS_KEPT = 3


class Valkey:
    """Celery's broker. Losing its data delays the work by one tick (decision 2)."""

    name = "valkey"
    stop_signal = signal.SIGTERM
    parent_death_signal = signal.SIGTERM

    def __init__(self, home: Path, *, port: int, password: str) -> None:
        """
        Args:
            home: the installation's folder. The data are in `valkey` below it.
            port: a free port of 127.0.0.1.
            password: the password. It may contain only letters and digits.
        """
        self.port = port
        self._password = password
        self.data = home / "valkey"
        self._pid_file = self.data / "valkey.pid"
        self._mark = f"redeemer-{home.stat().st_ino}"
        self._is_loading = False
        self._last_warning = ""
        self._was_emptied = False

    @property
    def url(self) -> str:
        """The server's address, for Celery."""
        return f"redis://:{quote(self._password, safe='')}@127.0.0.1:{self.port}/0"

    def prepare(self) -> None:
        """Create the data folder, and end a server that an earlier run left in it.

        Raises:
            CannotStartError: the folder belongs to another user, or the server does not end.
        """
        self._make_folder()
        if not os.access(self.data, os.R_OK | os.W_OK | os.X_OK):
            raise CannotStartError(f"Cannot write to {self.data}: it belongs to another user.")
        leftovers.end_leftover(
            self._pid_file,
            mark=self._mark,
            first_signal=signal.SIGTERM,
            second_signal=signal.SIGKILL,
        )

    def launch(self, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
        """Start the server.

        The configuration contains the password, so it is passed through stdin: every user can read
        a command line.
        """
        self._make_folder()
        configuration = _CONFIGURATION.format(
            port=self.port,
            password=self._password,
            data=_quoted(self.data),
            pid_file=_quoted(self._pid_file),
            mark=self._mark,
        )
        self._is_loading, self._last_warning = False, ""
        try:
            process = spawn_with_parent_death_signal(
                [str(valkey_program()), "-"],
                environment={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                folder=self.data,
                output=output,
                stdin=subprocess.PIPE,
                parent_death_signal=self.parent_death_signal,
            )
        except OSError as error:
            raise CannotStartError(f"{valkey_program()} cannot be started: {error}") from error
        assert process.stdin is not None
        # If the process has already ended, the supervisor handles its exit status.
        with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(configuration.encode())
        return process

    def is_ready(self) -> bool:
        """Whether the server answers and has loaded its data."""
        try:
            with redis.Redis(
                host="127.0.0.1",
                port=self.port,
                password=self._password,
                socket_timeout=2,
                # The caller tries again. The client's own retries would take seconds.
                retry=Retry(NoBackoff(), 0),
            ) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def _make_folder(self) -> None:
        try:
            self.data.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise CannotStartError(
                f"Cannot make {self.data} ({error.strerror}): move away what is there."
            ) from error

    def observe_line(self, line: str) -> None:
        """Remember whether the server is loading its data, and its last warning."""
        if "Server initialized" in line:
            self._is_loading = True
        elif "Ready to accept connections" in line:
            self._is_loading = self._was_emptied = False
        if " # " in line:  # Valkey's log marks warnings in this way.
            self._last_warning = line.partition(" # ")[2]

    def repair(self, exit_status: int) -> str | None:
        """Move away data that the server could not read.

        Nothing is lost, because the work is in the database.

        Returns:
            A line that says what was done. None if Valkey ended for another reason than its data,
            or if the data were already moved away before the last start.

        Raises:
            CannotStartError: the data cannot be moved.
        """
        if (
            not self._is_loading
            or self._was_emptied
            or not (exit_status > 0 or -exit_status in _CRASHES)
        ):
            return None
        aside = self.data.with_name(
            f"{self.data.name}.damaged-{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S-%f}"
        )
        try:
            self.data.rename(aside)
            self.data.mkdir(mode=0o700)
        except OSError as error:
            raise CannotStartError(
                f"Valkey cannot read {self.data}, and the folder cannot be moved away "
                f"({error.strerror}): remove it. Nothing is lost: the database is the queue."
            ) from error
        self._was_emptied = True
        for old in sorted(self.data.parent.glob(f"{self.data.name}.damaged-*"))[
            :-_DAMAGED_FOLDERS_KEPT
        ]:
            shutil.rmtree(old, ignore_errors=True)
        why = f" ({self._last_warning})" if self._last_warning else ""
        return (
            f"{self.name} could not read its data{why}. The data are kept as {aside}, and "
            "the server starts empty. Nothing is lost: the database is the queue."
        )


def _quoted(path: Path) -> str:
    """Return a path as a quoted word of Valkey's configuration.

    Special characters are written as escaped bytes.
    """
    escaped = (
        chr(byte) if chr(byte) in _PLAIN_CHARACTERS else f"\\x{byte:02x}"
        for byte in os.fsencode(path)
    )
    return f'"{"".join(escaped)}"'
