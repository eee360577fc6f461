"""Valkey, which speaks Redis, as a child of ours: in the foreground, on 127.0.0.1 only, with a password."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import IO
from urllib.parse import quote

import redis

from redeemer.embedded import leftovers, wheels
from redeemer.embedded.errors import CannotStartError
from redeemer.embedded.tether import spawn

_CONFIGURATION = """\
bind 127.0.0.1
port {port}
protected-mode yes
requirepass {password}
dir "{data}"
pidfile "{pid_file}"
proc-title-template "{{title}} {{listen-addr}} {mark}"
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
save ""
daemonize no
loglevel notice
"""


class Valkey:
    """One server: Celery's broker. Losing what is in it costs a tick (docs/decisions/0002)."""

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

    @property
    def url(self) -> str:
        """The address, for Celery."""
        return f"redis://:{quote(self._password, safe='')}@127.0.0.1:{self.port}/0"

    def prepare(self) -> None:
        """Make the data folder; end what an earlier run left in it.

        Raises:
            CannotStartError: the folder is not ours.
        """
        self.data.mkdir(mode=0o700, exist_ok=True)
        if not os.access(self.data, os.R_OK | os.W_OK | os.X_OK):
            raise CannotStartError(f"Cannot write to {self.data}: it belongs to another user.")
        leftovers.end(self._pid_file, mark=self._mark, polite=signal.SIGTERM, firm=signal.SIGKILL)

    def launch(self, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
        """Start the server. Its configuration goes in by stdin: a command line is for everybody to read."""
        configuration = _CONFIGURATION.format(
            port=self.port, password=self._password, data=self.data, pid_file=self._pid_file, mark=self._mark
        )
        try:
            process = spawn(
                [str(wheels.valkey_program()), "-"],
                environment={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                folder=self.data,
                output=output,
                stdin=subprocess.PIPE,
                last_signal=self.last_signal,
            )
        except OSError as error:
            raise CannotStartError(f"{wheels.valkey_program()} cannot be started: {error}") from error
        assert process.stdin is not None
        with process.stdin as stdin:
            stdin.write(configuration.encode())
        return process

    def is_ready(self) -> bool:
        """Whether it answers, and is done loading."""
        try:
            with redis.Redis(host="127.0.0.1", port=self.port, password=self._password, socket_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
