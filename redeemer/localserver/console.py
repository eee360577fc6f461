"""What the person at the terminal sees: every line with the name of who said it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TextIO

_WIDTH = 15
_COLOURS = (36, 33, 32, 35, 34, 96, 93)
_OWN_NAME = "up"


class Console:
    """Prefixed lines on one stream. A reader who goes away (`make up | head`) stops nobody."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """
        Args:
            stream: stdout if nothing is given. Coloured if it is a terminal and NO_COLOR is not set.
        """
        self._stream: TextIO | None = stream or sys.stdout
        self._colourful = self._stream.isatty() and not os.environ.get("NO_COLOR")
        self._colours: dict[str, int] = {}

    def say(self, text: str) -> None:
        """A line of the supervisor's own; several lines are each prefixed."""
        for line in text.splitlines() or [""]:
            self.line(_OWN_NAME, line)

    def sink(self, name: str) -> Callable[[str], None]:
        """A function that shows a line of `name`."""
        return lambda text: self.line(name, text)

    def line(self, name: str, text: str) -> None:
        """Show one line of `name`."""
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
