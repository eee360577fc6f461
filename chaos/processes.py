"""One process of the system: started, ended, stopped, and started again when it has died."""

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
    """A command whose output goes to a log of its name. It dies with the harness."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path
    ) -> None:
        self.name = name
        self.log = log
        #: What this process alone gets, from its next start on.
        self.extra: dict[str, str] = {}
        #: Whether it is started again when it has died.
        self.is_kept = True
        self.command = command
        self._environment = environment
        self._popen: subprocess.Popen[bytes] | None = None
        self._restart_at: float | None = None

    @property
    def pid(self) -> int:
        """Its process id.

        Raises:
            RuntimeError: it does not run.
        """
        if self._popen is None or self._popen.poll() is not None:
            message = f"{self.name} does not run."
            raise RuntimeError(message)
        return self._popen.pid

    @property
    def is_alive(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    @property
    def is_frozen(self) -> bool:
        """Whether it was stopped, by itself or by us."""
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
                folder=REPOSITORY,
                output=output,
            )

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; it may be dead already."""
        with contextlib.suppress(ProcessLookupError, RuntimeError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once, and wait for that."""
        self.send(signal.SIGKILL)
        if self._popen is not None:
            self._popen.wait(10)

    def ask_to_end(self) -> None:
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)

    def end(self, patience_seconds: float = 10.0) -> None:
        """Wait for its end; insist when it takes too long."""
        if self._popen is None:
            return
        try:
            self._popen.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        self._popen = None

    def notice_death(self) -> bool:
        """Whether it has died since the last look. It is then to be started again after a moment."""
        if self._popen is None or self._popen.poll() is None:
            return False
        self._popen = None
        self._restart_at = time.monotonic() + RESTART_SECONDS if self.is_kept else None
        return True

    def start_if_due(self) -> None:
        if self._restart_at is not None and time.monotonic() >= self._restart_at:
            self.start()

    def mark(self, line: str) -> None:
        """Write a line of ours into its log."""
        with self.log.open("ab") as output:
            output.write(f"--- {line}\n".encode())
