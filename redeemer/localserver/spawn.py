"""Starts a process that cannot outlive this one, even if this one is killed."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
#: Whether the kernel can send a process a signal when its parent dies.
HAS_PARENT_DEATH_SIGNAL = _LIBC is not None


@dataclass(frozen=True)
class Account:
    """A user account of this computer."""

    name: str
    uid: int
    gid: int

    @classmethod
    def from_entry(cls, entry: pwd.struct_passwd) -> Account:
        """Return the account in an entry of the password database."""
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid)

    def can_reach(self, path: Path) -> bool:
        """Whether this user may enter every folder above `path`."""
        return all(
            self._may(stat.S_IXOTH, folder) for folder in path.resolve().parents if folder.exists()
        )

    def can_run(self, program: Path) -> bool:
        """Whether this user can reach, read and run `program`."""
        return self.can_reach(program) and self._may(stat.S_IROTH | stat.S_IXOTH, program)

    def _may(self, rights_of_others: int, path: Path) -> bool:
        found = path.stat()
        shift = 6 if found.st_uid == self.uid else 3 if found.st_gid == self.gid else 0
        wanted = rights_of_others << shift
        return found.st_mode & wanted == wanted


def spawn_with_parent_death_signal(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    output: int | IO[bytes],
    account: Account | None = None,
    stdin: int = subprocess.DEVNULL,
    parent_death_signal: signal.Signals = signal.SIGKILL,
) -> subprocess.Popen[bytes]:
    """Start `command` in its own session. It gets `parent_death_signal` when this process dies.

    Call this from the main thread, because the kernel watches the thread that starts a process, not
    the whole process of that thread. Where the kernel has no such watch (macOS), a shell checks
    once a second whether this process is still alive.

    Args:
        command: the program and its arguments.
        environment: the whole environment of the process.
        folder: the working directory of the process.
        output: where stdout and stderr of the process go.
        account: the user to run the process as. None stands for this user.
        stdin: the same as in `subprocess.Popen`.
        parent_death_signal: the signal that the process gets when this process dies.
    """
    process = subprocess.Popen(  # noqa: S603 - the commands are ours
        command,
        env=environment,
        cwd=folder,
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        preexec_fn=_parent_death_setter(os.getpid(), parent_death_signal),
    )
    if _LIBC is None:
        _watch_parent(process.pid, parent_death_signal)
    return process


def _parent_death_setter(
    parent: int, parent_death_signal: signal.Signals
) -> Callable[[], None] | None:
    """Return the function that the child calls before `command`. None if there is nothing to call.

    The child calls it after it has changed its user, because that change would clear the signal.
    """
    if _LIBC is None:
        return None
    return lambda: set_parent_death_signal(parent, parent_death_signal)


def set_parent_death_signal(parent: int, number: signal.Signals) -> None:
    """Let the kernel send this process a signal when its parent dies.

    If the parent has died already, this process ends. Only Linux has this
    (HAS_PARENT_DEATH_SIGNAL).

    Args:
        parent: the process id of the parent.
        number: the signal.
    """
    assert _LIBC is not None
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(number))
    if os.getppid() != parent:
        os._exit(1)


_WATCH = (
    'while kill -0 "$0" && kill -0 "$1"; do sleep 1; done 2>/dev/null; kill -"$2" "$1" 2>/dev/null'
)


def _watch_parent(child: int, parent_death_signal: signal.Signals) -> None:
    subprocess.Popen(  # noqa: S603 - numbers only
        ["/bin/sh", "-c", _WATCH, str(os.getpid()), str(child), str(int(parent_death_signal))],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
