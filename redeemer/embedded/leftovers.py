"""End a server that a killed supervisor left in our data, and nothing else.

Process ids come round again, after a restart of the machine at the latest: a pid file is believed only if the command
line of that process names our data.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from redeemer.embedded.errors import CannotStartError

_PATIENCE_SECONDS = 15.0


def end(pid_file: Path, *, mark: str, polite: signal.Signals, firm: signal.Signals) -> None:
    """End the process in `pid_file` if `mark` is in its command line; forget the file if it is another process.

    Args:
        pid_file: its first line is a process id.
        mark: what only our server has in its command line.
        polite: sent first.
        firm: sent if that has not helped for 15 s.

    Raises:
        CannotStartError: it does not end, or belongs to another user.
    """
    pid = _pid_in(pid_file)
    if pid is None:
        return
    line = command_line(pid)
    if not line:
        return
    if mark not in line:
        pid_file.unlink(missing_ok=True)
        return
    for number in (polite, firm):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        except PermissionError as error:
            raise CannotStartError(f"Process {pid} of another user runs in {pid_file.parent}.") from error
        if _gone(pid, mark):
            return
    raise CannotStartError(f"Process {pid}, left from an earlier run in {pid_file.parent}, does not end.")


def command_line(pid: int) -> str:
    """The command line of a process, its arguments parted by spaces; empty if there is no such process."""
    kernel = Path("/proc/self/cmdline")
    if kernel.exists():
        try:
            raw = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return ""
        return raw.replace(b"\0", b" ").decode(errors="replace")
    answer = subprocess.run(  # noqa: S603
        ["/bin/ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip()


def _pid_in(pid_file: Path) -> int | None:
    try:
        return int(pid_file.read_text(encoding="utf-8", errors="replace").split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _gone(pid: int, mark: str) -> bool:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if mark not in command_line(pid):
            return True
        time.sleep(0.05)
    return False
