"""The commands' output: tables and spinners on a terminal, plain lines elsewhere.

All output honours NO_COLOR (no-color.org).
"""

from __future__ import annotations

import io
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

    def paragraph(self, text: str, *, indent: int = 0) -> None:
        """Print a text. On a terminal, it is wrapped between words."""
        margin = " " * indent
        if not self.is_terminal:
            self.line(f"{margin}{text}")
            return
        for line in _wrapped(printable(text), self.console().width - indent):
            self._stdout.write(f"{margin}{line}")

    def table(self, table: Table) -> None:
        """Print a table with aligned columns. A table without rows is not printed.

        On a terminal that is too narrow for it, each row becomes a block of lines, so that no word
        is broken.
        """
        if not table.rows:
            return
        if self.is_terminal:
            console = self.console()
            widths = _widths(table, console.width)
            if widths is None:
                self._stdout.write("\n".join(_blocks(table, console.width)))
            else:
                console.print(_rich(table, widths))
        else:
            self._stdout.write("\n".join(_plain(table)))
        if table.more:
            self._stdout.write(table.more)

    def spinner(self, what: str) -> AbstractContextManager[Any]:
        """Show a spinner on a terminal while the block runs. Elsewhere nothing is printed."""
        return self.console().status(Text(what)) if self.is_terminal else nullcontext()

    def console(self) -> Console:
        """A Rich console on stdout. It ignores markup, because a guild can be named `[red]`."""
        is_plain = self._style.ERROR("x") == "x"
        return Console(
            file=sys.stdout, no_color=is_plain, markup=False, highlight=False, emoji=False
        )


#: The width that a table needs besides its texts: for each column, and once for the table.
_BESIDE_COLUMN, _BESIDE_TABLE = 3, 1
#: A word that is longer than this, such as an address, may be broken.
_LONGEST_WORD = 40


def _rich(table: Table, widths: Sequence[int]) -> rich.table.Table:
    found = rich.table.Table(
        title=Text(printable(table.title)), title_justify="left", header_style="bold"
    )
    for header, width in zip(table.headers, widths, strict=True):
        found.add_column(Text(header), overflow="fold", width=width)
    for row in table.rows:
        found.add_row(*(Text(printable(str(cell))) for cell in row))
    return found


def _widths(table: Table, available: int) -> list[int] | None:
    """The width of each column, so that no word is broken. None if there is not enough room."""
    columns = list(zip(table.headers, *table.rows, strict=True))
    texts = [[printable(str(cell)) for cell in column] for column in columns]
    widths = [max(map(cell_len, column)) for column in texts]
    fewest = [
        max(
            (min(cell_len(word), _LONGEST_WORD) for text in column for word in text.split()),
            default=1,
        )
        for column in texts
    ]
    room = available - _BESIDE_TABLE - _BESIDE_COLUMN * len(columns)
    if sum(fewest) > room:
        return None
    while sum(widths) > room:
        # Narrow the column that has the most width to spare.
        spare = [width - least for width, least in zip(widths, fewest, strict=True)]
        widths[spare.index(max(spare))] -= 1
    return widths


def _blocks(table: Table, width: int) -> list[str]:
    """Each row as a block: its first cell, and below it the others with their headers."""
    lines = [printable(f"{table.title}:")]
    for row in table.rows:
        first, *others = (printable(str(cell)) for cell in row)
        lines += [f"  {line}" for line in _wrapped(first, width - 2)]
        for header, cell in zip(table.headers[1:], others, strict=True):
            if cell:
                lines += [f"    {line}" for line in _wrapped(f"{header}: {cell}", width - 4)]
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    return [str(line).rstrip() for line in Text(text).wrap(_RULER, max(width, 10))] or [""]


#: Rich needs a console to measure texts. The output of this console is not used.
_RULER = Console(file=io.StringIO(), markup=False, highlight=False, emoji=False)


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
