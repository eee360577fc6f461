"""`make bench` prints each figure with its limit and then a table, and writes a JSON file.

The path of the file is `BENCH_JSON`, or `var/bench.json`. The exit status is 1 if a figure is
beyond its limit.
"""

from __future__ import annotations

import gc
import json
import math
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.servers import autovacuum

FILE = Path(os.environ.get("BENCH_JSON", "var/bench.json"))


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure.

    Args:
        what: what was measured.
        figure: the value, in `unit`.
        unit: the unit of the figure and of its limit.
        limit: the limit for the figure. None if the figure is only for comparison.
        at_least: whether the limit is a minimum. If not, it is a maximum.
        load: the load average of the last minute. A high load may have disturbed the figure.
    """

    what: str
    figure: float
    unit: str
    limit: float | None
    at_least: bool
    load: float

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

    def row(self) -> tuple[str, str, str, str, str]:
        """Return the cells of the figure's row in the table."""
        sign = "≥" if self.at_least else "≤"
        limit = "" if self.limit is None else f"{sign} {self.limit:g} {self.unit}"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return (
            self.what,
            f"{self.figure:.4g} {self.unit}",
            limit,
            ratio,
            "BEYOND" if self.is_beyond else "",
        )


_FIGURES: list[Figure] = []


@pytest.fixture(scope="session", autouse=True)
def _autovacuum() -> Iterator[None]:
    """Switch autovacuum on, as in an installation. In other tests it is off."""
    with autovacuum():
        yield


@pytest.fixture(autouse=True)
def _frozen() -> Iterator[None]:
    """Keep what is loaded out of the garbage collection, as in the web process."""
    gc.freeze()
    yield
    gc.unfreeze()


def report(
    what: str, figure: float, *, limit: float | None = None, unit: str, at_least: bool = False
) -> None:
    """Print one figure, and keep it for the table.

    Args:
        what: what was measured.
        figure: the value.
        limit: the limit for the value. None if the figure is only shown.
        unit: the unit of the value and of the limit.
        at_least: whether the limit is a minimum. If not, it is a maximum.
    """
    found = Figure(what, figure, unit, limit, at_least, round(os.getloadavg()[0], 1))
    _FIGURES.append(found)
    print("\n" + "  ".join(part for part in found.row() if part), flush=True)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table in Markdown, for docs/explanation/performance.md, and write the JSON file."""
    if not _FIGURES:
        return
    terminalreporter.write_sep("=", "figures")
    rows = [
        ("figure", "measured", "limit", "of the limit", ""),
        *(figure.row() for figure in _FIGURES),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for number, row in enumerate(rows):
        terminalreporter.write_line(
            "| "
            + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            + " |"
        )
        if number == 0:
            terminalreporter.write_line("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(_as_values(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    terminalreporter.write_line(f"For programs: {FILE}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Make the exit status 1 if a figure is beyond its limit."""
    if session.exitstatus == 0 and any(figure.is_beyond for figure in _FIGURES):
        session.exitstatus = 1


def _as_values() -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
        },
        "figures": [
            {
                **asdict(figure),
                "ratio": figure.ratio and round(figure.ratio, 4),
                "is_beyond": figure.is_beyond,
            }
            for figure in _FIGURES
        ],
    }
