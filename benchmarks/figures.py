"""One measured figure, and its row in a table."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

#: The titles of a table's columns.
COLUMNS = ("figure", "measured", "limit", "of the limit")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure.

    Args:
        what: what was measured.
        figure: the value, in `unit`.
        unit: the unit of the figure and of its limit.
        limit: the limit for the figure. None if the figure is only for comparison.
        at_least: whether the limit is a minimum. If not, it is a maximum.
        load: the load average of the last minute. A high load may have disturbed the figure. None
            if it is not known.
        bench: the module and the name of the benchmark, such as
            `bench_pace.bench_100_members_at_30_in_6_s[1]`.
        day: the date of the measurement (UTC), such as `2026-11-25`.
        machine: the machine, in words.
    """

    what: str
    figure: float
    unit: str
    limit: float | None
    at_least: bool
    load: float | None
    bench: str
    day: str
    machine: str

    @property
    def ratio(self) -> float | None:
        """The figure divided by its limit, or the reverse if the limit is a minimum.

        The figure is beyond its limit if the ratio is above 1.
        """
        if self.limit is None:
            return None
        part, whole = (self.limit, self.figure) if self.at_least else (self.figure, self.limit)
        if whole:
            return part / whole
        return math.inf if part else 0.0

    @property
    def is_beyond(self) -> bool:
        return self.ratio is not None and self.ratio > 1

    def row(self) -> tuple[str, str, str, str]:
        """Return the cells of the figure's row in a table."""
        sign = "≥" if self.at_least else "≤"
        limit = "" if self.limit is None else f"{sign} {self.limit:g} {self.unit}"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return self.what, in_unit(self.figure, self.unit), limit.strip(), ratio


def in_unit(value: float, unit: str) -> str:
    """A value with four digits and its unit, as in a table. Counts are shown in full."""
    digits = f"{value:,.0f}" if value == int(value) else f"{value:.4g}"
    return f"{digits} {unit}".strip()


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Return the lines of a table in Markdown, with columns of equal width."""
    lines = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [
        [cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines
    ]
    padded.insert(1, ["-" * width for width in widths])
    return [f"| {' | '.join(line)} |" for line in padded]
