"""The output of `up` on the terminal, in which each line begins with the name of its source."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TextIO

_WIDTH = 15
_COLOURS = (36, 33, 32, 35, 34, 96, 93)
_OWN_NAME = "up"


class Console:
    """Writes prefixed lines to a stream. If its reader exits (`make up | head`), `up` continues."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """
        Args:
            stream: where to write; stdout by default. Lines are coloured if it is a terminal and
                NO_COLOR is not set.
        """
        self._stream: TextIO | None = stream or sys.stdout
        #: Whether the output goes to a terminal, and not to a file or a journal that keeps it.
        self.is_terminal = self._stream.isatty()
        self._colourful = self.is_terminal and not os.environ.get("NO_COLOR")
        self._colours: dict[str, int] = {}

    def say(self, text: str) -> None:
        """Show the supervisor's own text, each line with its prefix."""
        for line in text.splitlines() or [""]:
            self.line(_OWN_NAME, line)

    def sink(self, name: str) -> Callable[[str], None]:
        """Return a function that shows a line of the source `name`."""
        return lambda text: self.line(name, text)

    def line(self, name: str, text: str) -> None:
        """Show one line of the source `name`."""
        prefix = f"{name:<{_WIDTH}}|"
        if self._colourful:
            colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
            prefix = f"\033[{colour}m{prefix}\033[0m"
        self._write(f"{prefix} {text}\n")

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except UnicodeEncodeError:
            encoding = self._stream.encoding or "ascii"
            self._write(text.encode(encoding, "replace").decode(encoding))
        except OSError:
            self._stream = None
