"""One process of the system, with methods to start, stop, freeze and restart it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from chaos.times import RESTART_SECONDS
from redeemer.localserver.home import REPOSITORY
from redeemer.localserver.spawn import spawn_with_parent_death_signal


class Process:
    """A command with a log file. The kernel kills its process when `make chaos` dies."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        folder: Path = REPOSITORY,
    ) -> None:
        self.name = name
        self.log = log
        #: Environment variables that only this process gets. They take effect at the next start.
        self.extra: dict[str, str] = {}
        #: Whether the process is restarted after its death.
        self.is_restarted = True
        self.command = command
        self._environment = environment
        self._folder = folder
        self._popen: subprocess.Popen[bytes] | None = None
        self._restart_at: float | None = None

    @property
    def pid(self) -> int:
        """The process id.

        Raises:
            RuntimeError: the process is not running.
        """
        if self._popen is None or self._popen.poll() is not None:
            message = f"{self.name} is not running."
            raise RuntimeError(message)
        return self._popen.pid

    @property
    def is_alive(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    @property
    def is_frozen(self) -> bool:
        """Whether SIGSTOP has stopped the process. It may have sent the signal to itself."""
        try:
            state = (
                Path(f"/proc/{self.pid}/stat")
                .read_text(encoding="utf-8")
                .rpartition(")")[2]
                .split()[0]
            )
        except (OSError, RuntimeError):
            return False
        return state == "T"

    def start(self) -> None:
        self._restart_at = None
        with self.log.open("ab") as output:
            self._popen = spawn_with_parent_death_signal(
                self.command,
                environment={**self._environment, **self.extra},
                folder=self._folder,
                output=output,
            )

    def send(self, number: signal.Signals) -> None:
        """Send a signal. Nothing happens if the process is dead."""
        with contextlib.suppress(ProcessLookupError, RuntimeError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL, and wait for the process to end."""
        self.send(signal.SIGKILL)
        if self._popen is not None:
            self._popen.wait(10)

    def terminate(self) -> None:
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)

    def wait_for_end(self, patience_seconds: float = 10.0) -> None:
        """Wait for the process to end. If it still runs after this time, kill it."""
        if self._popen is None:
            return
        try:
            self._popen.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        self._popen = None

    def notice_death(self) -> bool:
        """Return whether the process has died since the last call. If so, schedule its restart."""
        if self._popen is None or self._popen.poll() is None:
            return False
        self._popen = None
        self._restart_at = time.monotonic() + RESTART_SECONDS if self.is_restarted else None
        return True

    def start_if_due(self) -> None:
        if self._restart_at is not None and time.monotonic() >= self._restart_at:
            self.start()

    def mark(self, line: str) -> None:
        """Write a line into the process's log."""
        with self.log.open("ab") as output:
            output.write(f"--- {line}\n".encode())
