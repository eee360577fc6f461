"""Start a process that cannot outlive this one, however this one ends."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from redeemer.localserver.accounts import Account

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def spawn_with_parent_death_signal(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    output: int | IO[bytes],
    account: Account | None = None,
    stdin: int = subprocess.DEVNULL,
    last_signal: signal.Signals = signal.SIGKILL,
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, as `account` if there is one; it gets `last_signal` when we die.

    Call it from the main thread: the kernel watches the thread that starts a process, not its process. Where the
    kernel has no such watch (macOS), a shell looks once a second whether we live.
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
        preexec_fn=_die_with(os.getpid(), last_signal),
    )
    if _LIBC is None:
        _watch(process.pid, last_signal)
    return process


def _die_with(parent: int, last_signal: signal.Signals) -> Callable[[], None] | None:
    """What the child does before it becomes `command`: after the change of user, which would clear the watch."""
    if _LIBC is None:
        return None
    prctl = _LIBC.prctl

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, int(last_signal))
        if os.getppid() != parent:  # It died before the watch was set.
            os._exit(1)

    return tie


_WATCH = (
    'while kill -0 "$0" && kill -0 "$1"; do sleep 1; done 2>/dev/null; kill -"$2" "$1" 2>/dev/null'
)


def _watch(child: int, last_signal: signal.Signals) -> None:
    subprocess.Popen(  # noqa: S603 - numbers only
        ["/bin/sh", "-c", _WATCH, str(os.getpid()), str(child), str(int(last_signal))],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
