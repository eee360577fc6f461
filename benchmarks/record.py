"""The record of the last figures. docs/explanation/performance.md and its chart are made from it.

`make bench ARGS="--record"` records what it measures. `python -m benchmarks.record [FILE]` records
the figures of a run without that option, from the JSON file that `make bench` writes.

A benchmark replaces its own figures. The figures of other benchmarks stay, each with the date and
the machine of its measurement, unless their benchmark does not exist any more.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable
from dataclasses import asdict, fields
from datetime import date
from pathlib import Path
from typing import NamedTuple

from benchmarks.chart import chart
from benchmarks.figures import COLUMNS, Figure, in_unit, table
from benchmarks.peers import NAMES, PEERS

FOLDER = Path(__file__).resolve().parent
EXPLANATION = FOLDER.parent / "docs" / "explanation"
RECORD, CHART = EXPLANATION / "performance.json", EXPLANATION / "performance.svg"


class Group(NamedTuple):
    """A table of the page: the name of its place in the page, and the modules of its benchmarks."""

    name: str
    modules: tuple[str, ...]


GROUPS = (
    Group("figures-pace", ("bench_pace", "bench_api")),
    Group("figures-throughput", ("bench_throughput",)),
    Group("figures-lock", ("bench_refusals",)),
    Group(
        "figures-scale",
        ("bench_audit", "bench_scale", "bench_memory", "bench_pile", "bench_metrics"),
    ),
    Group("figures-pages", ("bench_admin",)),
    Group("figures-rest", ("bench_rest",)),
    Group("figures-month", ("bench_month",)),
)
_MODULES = [module for group in GROUPS for module in group.modules]


def without_group(modules: Iterable[str]) -> list[str]:
    """The modules that belong to no group, so that their figures would be on no page."""
    return sorted(set(modules) - set(_MODULES))


def recorded() -> list[Figure]:
    """The figures of the record, in the order of the page."""
    return [Figure(**row) for row in json.loads(RECORD.read_text(encoding="utf-8"))]


def merged(
    old: Iterable[Figure], new: Iterable[Figure], collected: Collection[str]
) -> list[Figure]:
    """Return the figures of the record after a run.

    Args:
        old: the figures of the record.
        new: the figures of the run.
        collected: the names of all benchmarks in the modules that were read for the run, whether
            they ran or not. A figure of these modules that has none of these names is left out,
            because its benchmark does not exist any more.
    """
    modules = {_module(bench) for bench in collected}
    # A benchmark that was in the record keeps its place there.
    found: dict[str, list[Figure]] = {}
    for figure in old:
        is_gone = _module(figure.bench) in modules and figure.bench not in collected
        if not is_gone and _module(figure.bench) in _MODULES:
            found.setdefault(figure.bench, []).append(figure)
    measured: dict[str, list[Figure]] = {}
    for figure in new:
        measured.setdefault(figure.bench, []).append(figure)
    found |= measured
    ordered = sorted(found, key=lambda bench: _MODULES.index(_module(bench)))
    return [figure for bench in ordered for figure in found[bench]]


def _module(bench: str) -> str:
    return bench.partition(".")[0]


def record(new: Iterable[Figure], collected: Collection[str]) -> None:
    """Replace figures of the record, and draw the chart again. The arguments are as in `merged`."""
    figures = merged(recorded() if RECORD.exists() else [], new, collected)
    lines = (json.dumps(asdict(figure), ensure_ascii=False) for figure in figures)
    RECORD.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    CHART.write_text(chart(figures), encoding="utf-8")


# --- The parts of the page ------------------------------------------------------------------------
def part(group: Group) -> str:
    """Return the table of a group, and when and where its figures were measured, as Markdown."""
    figures = [figure for figure in recorded() if _module(figure.bench) in group.modules]
    if not figures:
        return "No figures were recorded yet."
    return "\n".join([_measured(figures), "", *table(COLUMNS, (each.row() for each in figures))])


def _measured(figures: list[Figure]) -> str:
    days = sorted({figure.day for figure in figures})
    machines = sorted({figure.machine for figure in figures})
    loads = sorted(figure.load for figure in figures if figure.load is not None)
    when = " to ".join(_in_words(day) for day in dict.fromkeys((days[0], days[-1])))
    load = " to ".join(f"{load:g}" for load in dict.fromkeys((*loads[:1], *loads[-1:])))
    load = load and f", at a load of {load}"
    return f"Measured on {when} with {', and with '.join(machines)}{load}."


def _in_words(day: str) -> str:
    return f"{date.fromisoformat(day):%-d %B %Y}"


def peers() -> str:
    """Return the table of other programs' figures beside ours, as Markdown."""
    ours = {figure.what: figure for figure in recorded()}
    rows = []
    for what, found in PEERS.items():
        if mine := ours.get(what):
            theirs = {peer.name: in_unit(peer.figure, mine.unit) for peer in found}
            cells = (theirs.get(name, "") for name in NAMES)
            rows.append((what, in_unit(mine.figure, mine.unit), *cells))
    return "\n".join(table(("figure", "Redeemer", *NAMES), rows))


def main(file: str = "var/bench.json") -> None:
    """Record the figures of a run from its JSON file."""
    run = json.loads(Path(file).read_text(encoding="utf-8"))
    names = [field.name for field in fields(Figure)]
    rows = (row for row in run["figures"] if not row["failed"])
    record((Figure(**{name: row[name] for name in names}) for row in rows), run["benchmarks"])


if __name__ == "__main__":
    main(*sys.argv[1:])
