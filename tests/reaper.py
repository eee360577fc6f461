"""End every process that a test run has started, however the run ends.

pytest and its workers clean up after themselves, unless they are killed: then Celery workers,
servers and browsers would go on for ever. So `start` begins a process beside pytest. It has its own
session, and waits until its standard input is closed. That happens when pytest ends, even if pytest
was killed. Child processes inherit the environment, and with it the mark of the run. The waiting
process then kills each process that has this mark, and all descendants of such a process.

Processes that are started with an empty environment have no mark. They must not outlive their
parent: see `redeemer.localserver.spawn`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil

#: The variable with the mark. A test run inside another run has the marks of both runs.
_VARIABLE = "STARTED_BY_TEST_RUN"
_REPOSITORY = Path(__file__).resolve().parent.parent
#: How long to go on killing. A process that survives this time hangs in the kernel.
_PATIENCE_SECONDS = 60.0


def start() -> subprocess.Popen[bytes]:
    """Mark all processes that this one starts from now on, and start the process that kills them.

    To have them killed, close the standard input of the returned process, and wait until it ends.
    """
    mark = uuid.uuid4().hex
    reaper = subprocess.Popen(
        [sys.executable, "-m", "tests.reaper", mark],
        cwd=_REPOSITORY,
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    os.environ[_VARIABLE] = f"{os.environ.get(_VARIABLE, '')} {mark}".strip()
    return reaper


def mark() -> dict[str, str]:
    """What to add to the environment of a process that does not inherit this one's environment."""
    return {_VARIABLE: os.environ[_VARIABLE]}


def main(mark: str) -> None:
    """Wait for the end of the run, and kill what it has started."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 1):
        pass
    ends_at = time.monotonic() + _PATIENCE_SECONDS
    # Killing takes more than one round: a process may have started another since the list was made.
    while (found := _started_by(mark)) and time.monotonic() < ends_at:
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        time.sleep(0.05)


def _started_by(mark: str) -> set[psutil.Process]:
    """The living processes with this mark, and their descendants."""
    marked = [process for process in psutil.process_iter() if mark in _marks(process)]
    found = set(marked)
    for process in marked:
        with contextlib.suppress(psutil.Error):
            found.update(process.children(recursive=True))
    return {process for process in found if _is_alive(process)}


def _marks(process: psutil.Process) -> list[str]:
    try:
        return str(process.environ().get(_VARIABLE, "")).split()
    except (psutil.Error, OSError):
        return []


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


if __name__ == "__main__":
    main(sys.argv[1])
