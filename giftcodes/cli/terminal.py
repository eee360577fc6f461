"""How results are shown: tables and bars on a terminal, plain lines anywhere else. NO_COLOR is honoured by both."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from django.core.management.base import OutputWrapper
from django.core.management.color import Style
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from giftcodes.domain.text import printable


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table. `more` stands below it, such as what was left out."""

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
        """Whether a person looks on."""
        return self._stdout.isatty()

    def line(self, text: str = "") -> None:
        """A line."""
        self._stdout.write(printable(text))

    def good(self, text: str) -> None:
        """Something that is as it should be."""
        self._stdout.write(printable(f"✓ {text}"), self._style.SUCCESS)

    def bad(self, text: str) -> None:
        """Something that is not; the text says what to do."""
        self._stdout.write(printable(f"✗ {text}"), self._style.ERROR)

    def neutral(self, text: str) -> None:
        """Something that is neither."""
        self._stdout.write(printable(f"– {text}"))

    def sheet(self, sheet: Sheet) -> None:
        """A table, aligned; nothing at all if it has no rows."""
        if not sheet.rows:
            return
        if self.is_terminal:
            self.console().print(_rich(sheet))
        else:
            self._stdout.write("\n".join(_plain(sheet)))
        if sheet.more:
            self._stdout.write(sheet.more)

    def doing(self, what: str) -> AbstractContextManager[Any]:
        """Show that something takes its time: a spinner on a terminal, nothing elsewhere."""
        return self.console().status(Text(what)) if self.is_terminal else nullcontext()

    def console(self) -> Console:
        """Rich on this stream. What is printed is text, never markup: guilds may be called `[red]`."""
        paints_nothing = self._style.ERROR("x") == "x"
        return Console(
            file=sys.stdout, no_color=paints_nothing, markup=False, highlight=False, emoji=False
        )


def _rich(sheet: Sheet) -> Table:
    table = Table(title=Text(printable(sheet.title)), title_justify="left", header_style="bold")
    for header in sheet.headers:
        table.add_column(Text(header), overflow="fold")
    for row in sheet.rows:
        table.add_row(*(Text(printable(str(cell))) for cell in row))
    return table


def _plain(sheet: Sheet) -> list[str]:
    """Columns aligned by what the characters take on a terminal: a Chinese one takes two places."""
    rows = [[printable(str(cell)) for cell in row] for row in [sheet.headers, *sheet.rows]]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(_padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return [printable(f"{sheet.title}:"), *(f"  {line}" for line in lines)]


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))
