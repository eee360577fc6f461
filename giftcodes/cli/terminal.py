"""The commands' output: tables and spinners on a terminal, plain lines elsewhere.

All output honours NO_COLOR (no-color.org).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import rich.table
from django.core.management.base import OutputWrapper
from django.core.management.color import Style
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from giftcodes.domain.text import printable


@dataclass(frozen=True, slots=True)
class Table:
    """A table. `more` is printed below it, for example the number of rows that were left out."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[object]]
    more: str = ""


class Screen:
    """A command's stdout."""

    def __init__(self, stdout: OutputWrapper, style: Style) -> None:
        self._stdout = stdout
        self._style = style

    @property
    def is_terminal(self) -> bool:
        return self._stdout.isatty()

    def line(self, text: str = "") -> None:
        self._stdout.write(printable(text))

    def good(self, text: str) -> None:
        """Print a line about something that works."""
        self._stdout.write(printable(f"✓ {text}"), self._style.SUCCESS)

    def bad(self, text: str) -> None:
        """Print a line about something that does not work. The text says what to do."""
        self._stdout.write(printable(f"✗ {text}"), self._style.ERROR)

    def neutral(self, text: str) -> None:
        """Print a line about something that is neither good nor bad."""
        self._stdout.write(printable(f"– {text}"))

    def table(self, table: Table) -> None:
        """Print a table with aligned columns. A table without rows is not printed."""
        if not table.rows:
            return
        if self.is_terminal:
            self.console().print(_rich(table))
        else:
            self._stdout.write("\n".join(_plain(table)))
        if table.more:
            self._stdout.write(table.more)

    def spinner(self, what: str) -> AbstractContextManager[Any]:
        """Show a spinner on a terminal while the block runs. Elsewhere nothing is printed."""
        return self.console().status(Text(what)) if self.is_terminal else nullcontext()

    def console(self) -> Console:
        """A Rich console on stdout. It reads no markup, since a guild may be called `[red]`."""
        is_plain = self._style.ERROR("x") == "x"
        return Console(
            file=sys.stdout, no_color=is_plain, markup=False, highlight=False, emoji=False
        )


def _rich(table: Table) -> rich.table.Table:
    found = rich.table.Table(
        title=Text(printable(table.title)), title_justify="left", header_style="bold"
    )
    for header in table.headers:
        found.add_column(Text(header), overflow="fold")
    for row in table.rows:
        found.add_row(*(Text(printable(str(cell))) for cell in row))
    return found


def _plain(table: Table) -> list[str]:
    """The lines of a table, aligned for a terminal. A Chinese character is two columns wide."""
    rows = [[printable(str(cell)) for cell in row] for row in [table.headers, *table.rows]]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(_padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return [printable(f"{table.title}:"), *(f"  {line}" for line in lines)]


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))
