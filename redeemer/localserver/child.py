"""One process that is to run all the time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from redeemer.localserver.backoff import delay_seconds
from redeemer.localserver.lines import LineReader


@dataclass(frozen=True, kw_only=True)
class Program:
    """What a child runs, and how it is ended.

    `launch` starts it, its output to where the argument says; `sink` gets the lines of it, which are shown again from
    `log`, if there is one, when it dies; `mend` is given its exit status then, and may take away what kept it from
    starting: it returns a line for the person, and the program is started again at once. `patience_seconds` pass
    between `stop_signal` and SIGKILL.
    """

    name: str
    launch: Callable[[int], subprocess.Popen[bytes]]
    sink: Callable[[str], None]
    log: Path | None = None
    mend: Callable[[int], str | None] = lambda _exit_status: None
    stop_signal: signal.Signals = signal.SIGTERM
    patience_seconds: float = 10.0


class Child:
    """A program and, while it runs, its process."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None
        self.reader: LineReader | None = None
        self.restart_at: float | None = None
        self._started_at = 0.0
        self._delay: float | None = None

    def start(self) -> None:
        """Start the process."""
        self.restart_at = None
        self.process = self.program.launch(subprocess.PIPE)
        assert self.process.stdout is not None
        self.reader = LineReader(self.process.stdout, self.program.sink)
        self._started_at = time.monotonic()

    def reap(self) -> int | None:
        """The exit status, once, when the process has ended. What it has started itself is ended then."""
        if self.process is None or self.reader is None or (status := self.process.poll()) is None:
            return None
        self.kill()
        while self.reader.read():
            pass
        self.reader.pipe.close()
        self.process = self.reader = None
        return status

    def plan_restart(self) -> float:
        """Decide when to start it again; returns the delay in seconds."""
        now = time.monotonic()
        self._delay = delay_seconds(
            lived_seconds=now - self._started_at, previous_seconds=self._delay
        )
        self.restart_at = now + self._delay
        return self._delay

    def ask_to_stop(self) -> None:
        """Send it its stop signal, and plan no restart."""
        self.restart_at = None
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(self.program.stop_signal)

    def kill(self) -> None:
        """End it, and what it has started, at once."""
        if self.process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)


def describe(exit_status: int) -> str:
    """How a process ended, for a person."""
    if exit_status < 0:
        return f"was ended by signal {-exit_status} ({signal.strsignal(-exit_status)})"
    return f"ended with status {exit_status}"
