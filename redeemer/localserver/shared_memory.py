"""Which kind of shared memory PostgreSQL uses for parts that grow, and for its parallel workers."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

#: Where Linux keeps POSIX shared memory. A container often has 64 MB of it, and sometimes less than a start needs.
_FOLDER = Path("/dev/shm")  # noqa: S108 - only looked at
_ENOUGH_BYTES = 256 * 1024 * 1024


def kind(folder: Path = _FOLDER) -> str:
    """The value of PostgreSQL's `dynamic_shared_memory_type`.

    `posix`, unless this is Linux and /dev/shm is missing, closed, or has less than 256 MB left. Then `mmap`: files in
    the data folder, which have the room of the disk.
    """
    if sys.platform != "linux":
        return "posix"
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return "mmap"
    is_open = os.access(folder, os.W_OK | os.X_OK) and folder.stat().st_mode & 0o003 == 0o003
    return "posix" if is_open and free >= _ENOUGH_BYTES else "mmap"
