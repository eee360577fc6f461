"""Valkey, which speaks Redis, as a child of ours: in the foreground, on 127.0.0.1 only, with a password."""

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

from redeemer.localserver import leftovers, wheels
from redeemer.localserver.errors import CannotStartError
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
maxmemory-policy noeviction
save ""
daemonize no
loglevel notice
"""
_HARMLESS = string.ascii_letters + string.digits + "/._-"
#: It ends so where it meets data that it did not expect. Other signals come from outside.
_CRASHES = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
#: How many damaged data folders are kept beside the one in use.
_KEPT = 3


class Valkey:
    """One server: Celery's broker. Losing what is in it costs a tick (decision 2)."""

    name = "valkey"
    stop_signal = signal.SIGTERM
    last_signal = signal.SIGTERM

    def __init__(self, home: Path, *, port: int, password: str) -> None:
        """
        Args:
            home: the installation's folder; data go to `valkey` in it.
            port: a free port of 127.0.0.1.
            password: letters and digits.
        """
        self.port = port
        self._password = password
        self.data = home / "valkey"
        self._pid_file = self.data / "valkey.pid"
        self._mark = f"redeemer-{home.stat().st_ino}"
        self._is_loading = False
        self._last_words = ""
        self._is_new = False

    @property
    def url(self) -> str:
        """The address, for Celery."""
        return f"redis://:{quote(self._password, safe='')}@127.0.0.1:{self.port}/0"

    def prepare(self) -> None:
        """Make the data folder; end what an earlier run left in it.

        Raises:
            CannotStartError: the folder is not ours.
        """
        self._make_folder()
        if not os.access(self.data, os.R_OK | os.W_OK | os.X_OK):
            raise CannotStartError(f"Cannot write to {self.data}: it belongs to another user.")
        leftovers.end(self._pid_file, mark=self._mark, polite=signal.SIGTERM, firm=signal.SIGKILL)

    def launch(self, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
        """Start the server. Its configuration goes in by stdin: a command line is for everybody to read."""
        self._make_folder()
        configuration = _CONFIGURATION.format(
            port=self.port,
            password=self._password,
            data=_quoted(self.data),
            pid_file=_quoted(self._pid_file),
            mark=self._mark,
        )
        self._is_loading, self._last_words = False, ""
        try:
            process = spawn_with_parent_death_signal(
                [str(wheels.valkey_program()), "-"],
                environment={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                folder=self.data,
                output=output,
                stdin=subprocess.PIPE,
                last_signal=self.last_signal,
            )
        except OSError as error:
            raise CannotStartError(
                f"{wheels.valkey_program()} cannot be started: {error}"
            ) from error
        assert process.stdin is not None
        # If it has ended already, then its end is what is looked at.
        with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(configuration.encode())
        return process

    def is_ready(self) -> bool:
        """Whether it answers, and is done loading."""
        try:
            with redis.Redis(
                host="127.0.0.1",
                port=self.port,
                password=self._password,
                socket_timeout=2,
                retry=Retry(
                    NoBackoff(), 0
                ),  # Who asks, asks again; the client's own waits would take seconds.
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

    def hear(self, line: str) -> None:
        """Note whether it is reading its data."""
        if "Server initialized" in line:
            self._is_loading = True
        elif "Ready to accept connections" in line:
            self._is_loading = self._is_new = False
        if " # " in line:  # A warning, in its own notation.
            self._last_words = line.partition(" # ")[2]

    def mend(self, exit_status: int) -> str | None:
        """Put data aside that it could not read. They are worth nothing: the database is the queue.

        Returns:
            What was done; None: its data did not keep it from starting, or they were put aside just now.

        Raises:
            CannotStartError: they cannot be put aside.
        """
        if (
            not self._is_loading
            or self._is_new
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
                f"Valkey cannot read {self.data}, and it cannot be put aside ({error.strerror}): remove it. "
                "Nothing is lost by that."
            ) from error
        self._is_new = True
        for old in sorted(self.data.parent.glob(f"{self.data.name}.damaged-*"))[:-_KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        why = f" ({self._last_words})" if self._last_words else ""
        return (
            f"{self.name} could not read its data{why}. They are kept as {aside}, and it starts empty. "
            "Nothing is lost: the database is the queue."
        )


def _quoted(path: Path) -> str:
    """A path as a word of Valkey's configuration: what is not a letter, a digit or harmless goes in as its bytes."""
    return (
        '"'
        + "".join(
            chr(byte) if chr(byte) in _HARMLESS else f"\\x{byte:02x}" for byte in os.fsencode(path)
        )
        + '"'
    )
