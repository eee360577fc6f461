"""One supervisor for each home: a lock that the kernel releases when its holder dies, however it dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from redeemer.localserver.errors import CannotStartError

#: A command that looks whether somebody holds the lock (redeemer.localserver.discovery) holds it itself for a moment.
_PATIENCE_SECONDS = 0.5


@contextlib.contextmanager
def only_instance(lock: Path, address: str) -> Iterator[None]:
    """Hold `lock`, with `address` in it for whoever comes second.

    Raises:
        CannotStartError: somebody holds it; the message has their address.
    """
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise CannotStartError(
            f"Cannot open {lock} ({error.strerror}): was it started by another user before?"
        ) from error
    try:
        if not _acquire(descriptor):
            holder = os.pread(descriptor, 1000, 0).decode(errors="replace").strip()
            raise CannotStartError(
                f"Already running: {holder or lock}. For a second one, set REDEEMER_HOME and PORT."
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{address} (process {os.getpid()})\n".encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _acquire(descriptor: int) -> bool:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        else:
            return True
