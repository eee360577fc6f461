"""`make bench` prints each figure with its limit and then a table, and writes a JSON file.

The path of the file is `BENCH_JSON`, or `var/bench.json`. The exit status is 1 if a figure is
beyond its limit. With `--record`, the figures go into the record of benchmarks/record.py, too.
"""

from __future__ import annotations

import gc
import json
import os
import platform
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks import record
from benchmarks.figures import COLUMNS, Figure, in_unit, table
from benchmarks.peers import PEERS
from tests.servers import autovacuum

FILE = Path(os.environ.get("BENCH_JSON", "var/bench.json"))
MACHINE = (
    f"{os.cpu_count()} cores ({platform.system()} {platform.machine()}, "
    f"Python {platform.python_version()})"
)

_FIGURES: list[Figure] = []
#: The names (as in `Figure.bench`) of the benchmark that runs now, of all benchmarks, and of those
#: that failed.
_RUNNING = [""]
_COLLECTED: list[str] = []
_FAILED: set[str] = set()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option `--record`."""
    parser.addoption(
        "--record",
        action="store_true",
        help="write the figures into docs/explanation/performance.json, and draw the chart again",
    )


@pytest.hookimpl(tryfirst=True)  # Before `-k` chooses some of them.
def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Note all benchmarks. Refuse a module whose figures would be on no page."""
    ours = [item for item in items if item.path.parent == record.FOLDER]
    _COLLECTED.extend(_name_of(item.nodeid) for item in ours)
    if missing := record.without_group(item.path.stem for item in ours):
        message = f"Add {', '.join(missing)} to GROUPS in benchmarks/record.py."
        raise pytest.UsageError(message)


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


@pytest.fixture(autouse=True)
def _named(request: pytest.FixtureRequest) -> None:
    """Note which benchmark runs."""
    _RUNNING[0] = _name_of(request.node.nodeid)


def _name_of(nodeid: str) -> str:
    """The module and the name of a benchmark, with its parameters."""
    path, _, name = nodeid.partition("::")
    return f"{Path(path).stem}.{name}"


def report(
    what: str, figure: float, *, limit: float | None = None, unit: str, at_least: bool = False
) -> None:
    """Print one figure and, below it, other programs' figures for this work. Keep it for the table.

    Args:
        what: what was measured.
        figure: the value.
        limit: the limit for the value. None if the figure is only shown.
        unit: the unit of the value and of the limit.
        at_least: whether the limit is a minimum. If not, it is a maximum.
    """
    found = Figure(
        what,
        figure,
        unit,
        limit,
        at_least,
        load=round(os.getloadavg()[0], 1),
        bench=_RUNNING[0],
        day=datetime.now(UTC).date().isoformat(),
        machine=MACHINE,
    )
    _FIGURES.append(found)
    for row in _rows(found):
        print("\n" + "  ".join(part for part in row if part), flush=True)


def _rows(figure: Figure) -> Iterator[tuple[str, ...]]:
    """The row of a figure, and a row for each other program that does the same work."""
    yield (*figure.row(), "BEYOND" if figure.is_beyond else "")
    for peer in PEERS.get(figure.what, ()):
        yield (f"- {peer.name}", in_unit(peer.figure, figure.unit), "", "", "")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note a benchmark that failed. Its figures may be incomplete, and are not recorded."""
    if report.failed:
        _FAILED.add(_name_of(report.nodeid))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table in Markdown, and write the files."""
    if not _FIGURES:
        return
    terminalreporter.write_sep("=", "figures")
    for line in table((*COLUMNS, ""), (row for figure in _FIGURES for row in _rows(figure))):
        terminalreporter.write_line(line)
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(_as_values(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    terminalreporter.write_line(f"For programs: {FILE}")
    if config.getoption("--record"):
        record.record([each for each in _FIGURES if each.bench not in _FAILED], _COLLECTED)
        terminalreporter.write_line(f"Recorded: {record.RECORD}, {record.CHART}")


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
        "benchmarks": _COLLECTED,
        "figures": [
            {
                **asdict(figure),
                "ratio": figure.ratio and round(figure.ratio, 4),
                "is_beyond": figure.is_beyond,
                "failed": figure.bench in _FAILED,
            }
            for figure in _FIGURES
        ],
    }
