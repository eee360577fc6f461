"""What the two embedded servers have in common."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Protocol

from redeemer.localserver.errors import CannotStartError


class Server(Protocol):
    """A database server that runs as a child of ours, on a port of 127.0.0.1."""

    name: str
    last_signal: signal.Signals
    stop_signal: signal.Signals

    @property
    def url(self) -> str:
        """The address with its password."""

    def prepare(self) -> None:
        """Make its folder; end what an earlier run left there."""

    def launch(self, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
        """Start it; what it says goes to `output`."""

    def is_ready(self) -> bool:
        """Whether it answers."""

    def hear(self, line: str) -> None:
        """Take note of a line that it says."""

    def mend(self, exit_status: int) -> str | None:
        """Called when it has ended by itself: take away what keeps it from starting, if that is worth nothing.

        Returns:
            What was done, in one line; None: nothing.

        Raises:
            CannotStartError: it could not be done.
        """


def wait_until_ready(
    server: Server,
    is_alive: Callable[[], bool],
    log: Path,
    *,
    seconds: float = 60.0,
    pause: Callable[[], None] | None = None,
) -> None:
    """Wait until `server` answers.

    Args:
        server: one that was launched.
        is_alive: whether its process still runs.
        log: where its output goes: the end of it is in the error.
        seconds: how long to wait.
        pause: what to do between two looks; a short sleep if nothing is given.

    Raises:
        CannotStartError: it ended, or does not answer in time.
    """
    deadline = time.monotonic() + seconds
    while not server.is_ready():
        if not is_alive():
            raise CannotStartError(f"{server.name} ended as soon as it was started.\n{tail(log)}")
        if time.monotonic() > deadline:
            raise CannotStartError(
                f"{server.name} does not answer after {seconds:.0f} s.\n{tail(log)}"
            )
        if pause:
            pause()
        else:
            time.sleep(0.05)


def tail(log: Path, lines: int = 8) -> str:
    """The last lines of a log, indented, under its name."""
    try:
        found = log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
    except OSError:
        found = []
    return "\n".join([f"  The end of {log}:", *(f"    {line}" for line in found or ["(nothing)"])])
