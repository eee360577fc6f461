"""The state file: one JSON record a line, only ever added to. A kill loses nothing that was answered."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class StateFileError(Exception):
    """The state file cannot be used. The text says why."""


class StateFile:
    """An open and locked state file. A record is with the operating system before its answer leaves.

    It is not forced to the disk: a killed process loses nothing, a power cut may.
    """

    def __init__(self, path: Path) -> None:
        """Open it, making it if it is not there.

        Raises:
            StateFileError: it cannot be opened, or another simulator has it.
        """
        self.path = path
        try:
            self._file = path.open("ab+", buffering=0)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            message = f"The state file {path} is in use by another simulator."
            raise StateFileError(message) from error
        except OSError as error:
            message = f"The state file {path} cannot be opened: {error.strerror}."
            raise StateFileError(message) from error

    def records(self) -> Iterator[tuple[str, Any]]:
        """Every record as its kind and its content, oldest first. A last line torn by a kill is cut off.

        Raises:
            StateFileError: a line before the last cannot be read.
        """
        self._file.seek(0)
        lines = self._file.read().split(b"\n")
        torn = lines.pop()
        for number, line in enumerate(lines, start=1):
            try:
                ((kind, content),) = json.loads(line).items()
            except (ValueError, AttributeError) as error:
                message = f"The state file {self.path} cannot be read: line {number} is no record."
                raise StateFileError(message) from error
            yield kind, content
        if torn:
            self._file.truncate(self._file.seek(0, os.SEEK_END) - len(torn))

    def write(self, record: dict[str, Any]) -> None:
        """Add one record, `{kind: content}`."""
        self._file.write(json.dumps(record).encode() + b"\n")

    def close(self) -> None:
        """Close it and let another have it."""
        self._file.close()
