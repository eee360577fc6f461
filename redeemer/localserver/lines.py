"""The output of a child, cut into lines."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO

_LONGEST_LINE = 64 * 1024
_LOG_BYTES = 1_000_000


class LineReader:
    """Reads what there is on a pipe, without waiting, and hands on whole lines."""

    def __init__(self, pipe: IO[bytes], sink: Callable[[str], None]) -> None:
        """
        Args:
            pipe: the reading end.
            sink: is given each line, without its end.
        """
        os.set_blocking(pipe.fileno(), False)
        self.pipe = pipe
        self.has_ended = False
        self._sink = sink
        self._rest = b""

    def read(self) -> bool:
        """Hand on the lines that are there. False if there was nothing; `has_ended` says if nothing will come."""
        try:
            found = os.read(self.pipe.fileno(), 65_536)
        except BlockingIOError:
            return False
        self.has_ended = not found
        *lines, self._rest = (self._rest + found).split(b"\n")
        if self.has_ended or len(self._rest) > _LONGEST_LINE:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            if text := line.decode(errors="replace").rstrip():
                self._sink(text)
        return bool(found)


def log_file(path: Path) -> Callable[[str], None]:
    """A sink that writes to `path`, which never grows over a megabyte; the megabyte before it is kept beside it."""
    handler = RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=1, encoding="utf-8")

    def write(text: str) -> None:
        handler.emit(logging.LogRecord("server", logging.INFO, "", 0, text, None, None))

    return write
