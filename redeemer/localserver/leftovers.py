"""End a server that a killed supervisor left in our data, and nothing else.

Process ids come round again, after a restart of the machine at the latest: a pid file is believed only if the command
line of that process names our data.
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

_PATIENCE_SECONDS = 15.0
#: In the kernel's flags of a process: it is on its way out (PF_EXITING in Linux's include/linux/sched.h).
_EXITING = 0x4


def end(pid_file: Path, *, mark: str, polite: signal.Signals, firm: signal.Signals) -> None:
    """End the process in `pid_file` if `mark` is in its command line; forget the file if it is another process.

    A process that is ending already is waited for. One that has ended, and that only its parent has not taken note of
    (a zombie), still has its number, by which a server would take it for a living one: its file is forgotten as well.

    Args:
        pid_file: its first line is a process id.
        mark: what only our server has in its command line.
        polite: sent first.
        firm: sent if that has not helped for 15 s; and SIGKILL, which no process can ignore, 15 s later.

    Raises:
        CannotStartError: it does not end, or belongs to another user.
    """
    pid = _pid_in(pid_file)
    if pid is None or not _exists(pid):
        return
    if mark in command_line(pid):
        _end([pid], (polite, firm, signal.SIGKILL), where=pid_file.parent)
    elif is_ending(pid) and not _wait_for(lambda: is_over(pid)):
        raise _left(f"Process {pid}", pid_file.parent)
    if _exists(pid):
        pid_file.unlink(missing_ok=True)


def end_orphans(folder: Path, *, program: str) -> None:
    """End processes of `program` that work in `folder`, which has no server any more: its own went without them.

    Where the system does not say in which folder a process works (macOS), there is nothing to be done.

    Raises:
        CannotStartError: one does not end, or belongs to another user.
    """
    found = [pid for pid in _all_processes() if _works_in(pid, folder, program)]
    if found:
        _end(found, (signal.SIGQUIT, signal.SIGKILL), where=folder)


def command_line(pid: int) -> str:
    """The command line of a process, its arguments parted by spaces; empty if there is no such process."""
    kernel = Path("/proc/self/cmdline")
    if kernel.exists():
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


def is_ending(pid: int) -> bool:
    """Whether a process has a number, and does nothing any more but end. False where the system does not say."""
    state, flags = _state_of(pid)
    return state in ("Z", "X") or bool(flags & _EXITING)


def is_over(pid: int) -> bool:
    """Whether a process is gone, or nothing is left of it but its number."""
    return not _exists(pid) or _state_of(pid)[0] in ("Z", "X")


def _end(pids: list[int], numbers: tuple[signal.Signals, ...], *, where: Path) -> None:
    """Send one signal after the other until all are over."""
    for number in numbers:
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
            except PermissionError as error:
                raise CannotStartError(f"Process {pid} of another user runs in {where}.") from error
        if _wait_for(lambda: all(map(is_over, pids))):
            return
    raise _left(f"Process {', '.join(map(str, pids))}", where)


def _left(what: str, where: Path) -> CannotStartError:
    return CannotStartError(f"{what}, left from an earlier run in {where}, does not end.")


def _exists(pid: int) -> bool:
    if pid <= 0:
        return False  # To a signal, that would be a group of processes.
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _state_of(pid: int) -> tuple[str, int]:
    """The letter of its state, and its flags; nothing where the system does not say, or there is no such process."""
    try:
        # The name before it, in brackets, may have anything in it.
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
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - names alone
    except OSError:
        return []


def _works_in(pid: int, folder: Path, program: str) -> bool:
    with contextlib.suppress(OSError):
        here = Path(f"/proc/{pid}")
        return (here / "exe").readlink().name.startswith(program) and (here / "cwd").samefile(
            folder
        )
    return False


def _pid_in(pid_file: Path) -> int | None:
    try:
        return int(pid_file.read_text(encoding="utf-8", errors="replace").split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _wait_for(condition: Callable[[], bool]) -> bool:
    """Wait as long as there is patience; whether it came true."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
