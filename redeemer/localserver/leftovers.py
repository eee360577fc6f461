"""Ends a server that a killed supervisor left running on our data, but never any other process.

Process ids are reused, for example after a reboot. So a pid file counts only if the command line of
the process with that id names our data.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from redeemer.localserver.errors import CannotStartError

_TIMEOUT_SECONDS = 15.0
#: The flag of a process that is exiting (PF_EXITING in Linux's include/linux/sched.h).
_EXITING = 0x4


def end_leftover(
    pid_file: Path, *, mark: str, first_signal: signal.Signals, second_signal: signal.Signals
) -> None:
    """End the process named in `pid_file`, if its command line contains `mark`.

    If the id belongs to another process, only the file is removed. If the process is already
    exiting, this function waits for it. A zombie (a process that has ended, but that its parent has
    not reaped) keeps its process id, and a new server would believe that it still runs. So the file
    of a zombie is removed, too.

    Args:
        pid_file: the pid file. Its first line is a process id.
        mark: a text that occurs only in the command line of our server.
        first_signal: the signal that is sent first.
        second_signal: the signal that is sent if the process still runs after 15 s. SIGKILL follows
            15 s later.

    Raises:
        CannotStartError: the process does not end, or belongs to another user.
    """
    pid = _pid_in(pid_file)
    if pid is None or not _exists(pid):
        return
    if mark in command_line(pid):
        _end([pid], (first_signal, second_signal, signal.SIGKILL), folder=pid_file.parent)
    elif _is_exiting(pid) and not _wait_for(lambda: _has_ended(pid)):
        raise _still_running([pid], pid_file.parent)
    if _exists(pid):
        pid_file.unlink(missing_ok=True)


def end_orphans(folder: Path, *, program: str) -> None:
    """End all processes of `program` whose working directory is `folder`.

    Call this when the server that started them no longer runs. This does nothing on a system that
    does not show the working directory of a process (macOS).

    Raises:
        CannotStartError: a process does not end, or belongs to another user.
    """
    found = [pid for pid in _all_processes() if _works_in(pid, folder, program)]
    if found:
        _end(found, (signal.SIGQUIT, signal.SIGKILL), folder=folder)


def command_line(pid: int) -> str:
    """Return the command line of a process, separated by spaces, or "" if there is no process."""
    if Path("/proc/self/cmdline").exists():
        try:
            raw = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return ""
        return os.fsdecode(raw.replace(b"\0", b" "))
    answer = subprocess.run(  # noqa: S603
        ["/bin/ps", "-ww", "-o", "args=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip()


def _end(pids: list[int], signals: tuple[signal.Signals, ...], *, folder: Path) -> None:
    """Send one signal after the other until all processes have ended.

    Raises:
        CannotStartError: a process does not end, or belongs to another user.
    """
    for number in signals:
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
            except PermissionError as error:
                raise CannotStartError(
                    f"Process {pid} of another user runs in {folder}: let that user end it."
                ) from error
        if _wait_for(lambda: all(map(_has_ended, pids))):
            return
    raise _still_running(pids, folder)


def _still_running(pids: list[int], folder: Path) -> CannotStartError:
    return CannotStartError(
        f"Process {', '.join(map(str, pids))}, left from an earlier run in {folder}, does not end."
    )


def _exists(pid: int) -> bool:
    if pid <= 0:
        return False  # `kill` would treat it as the id of a group of processes.
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _is_exiting(pid: int) -> bool:
    """Whether a process is a zombie or about to end. False if the system does not show this."""
    state, flags = _state_of(pid)
    return state in ("Z", "X") or bool(flags & _EXITING)


def _has_ended(pid: int) -> bool:
    """Whether a process does not exist, or is a zombie."""
    return not _exists(pid) or _state_of(pid)[0] in ("Z", "X")


def _state_of(pid: int) -> tuple[str, int]:
    """Return the state letter and the flags of a process, or "" and 0 if they are not known."""
    try:
        # The fields follow the name of the program, which is in brackets and may contain any
        # character.
        fields = (
            Path(f"/proc/{pid}/stat")
            .read_text(encoding="utf-8", errors="replace")
            .rpartition(")")[2]
            .split()
        )
        return fields[0], int(fields[6])
    except (OSError, ValueError, IndexError):
        return "", 0


def _all_processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - only names
    except OSError:
        return []


def _works_in(pid: int, folder: Path, program: str) -> bool:
    with contextlib.suppress(OSError):
        process = Path(f"/proc/{pid}")
        return (process / "exe").readlink().name.startswith(program) and (process / "cwd").samefile(
            folder
        )
    return False


def _pid_in(pid_file: Path) -> int | None:
    try:
        return int(pid_file.read_text(encoding="utf-8", errors="replace").split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _wait_for(condition: Callable[[], bool]) -> bool:
    """Wait until the condition holds. Returns False if it does not hold before the timeout."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
