"""The page and the chart of the figures are made from the record, and the record is complete."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import record
from benchmarks.chart import chart
from benchmarks.figures import Figure
from benchmarks.peers import PEERS
from docs._generate import reference

PAGE = record.EXPLANATION / "performance.md"
OLD = Figure("Old", 1, "s", 2, False, 0.5, "bench_rest.bench_a", "2026-11-25", "2 cores (Linux)")


def test_the_chart_is_drawn_from_the_record() -> None:
    assert record.CHART.read_text(encoding="utf-8") == chart(record.recorded())


def test_the_page_has_no_figures_of_its_own() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if line.startswith("|")] == []


def test_every_figure_of_the_record_is_on_the_page_once_with_its_limit() -> None:
    page = reference.on_page_markdown(PAGE.read_text(encoding="utf-8"))

    for figure in record.recorded():
        row = r" *\| ".join(re.escape(cell) for cell in figure.row())
        assert len(re.findall(rf"^\| {row} *\|$", page, re.MULTILINE)) == 1, figure.what


def test_every_module_of_benchmarks_has_a_place_on_the_page() -> None:
    assert record.without_group(path.stem for path in record.FOLDER.glob("bench_*.py")) == []


def test_every_benchmark_is_in_the_record_and_every_recorded_one_exists() -> None:
    existing = {
        f"{path.stem}.{name}"
        for path in record.FOLDER.glob("bench_*.py")
        for name in re.findall(r"^def (bench_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }

    assert {figure.bench.partition("[")[0] for figure in record.recorded()} == existing


def test_the_figures_of_other_programs_are_beside_ours() -> None:
    assert set(PEERS) <= {figure.what for figure in record.recorded()}
    assert len(record.peers().splitlines()) == 2 + len(PEERS)


def test_a_benchmark_replaces_its_own_figures_and_the_others_keep_theirs() -> None:
    other = replace(OLD, what="Other", bench="bench_rest.bench_b")
    gone = replace(OLD, what="Gone", bench="bench_rest.bench_gone")
    elsewhere = replace(OLD, what="Elsewhere", bench="bench_pace.bench_a")
    new = [replace(OLD, what=what, day="2026-12-01") for what in ("New", "Newer")]

    found = record.merged(
        [OLD, gone, other, elsewhere], new, ["bench_rest.bench_a", "bench_rest.bench_b"]
    )

    assert found == [elsewhere, *new, other]


def test_a_table_says_when_and_where_its_figures_were_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "RECORD", tmp_path / "performance.json")
    monkeypatch.setattr(record, "CHART", tmp_path / "performance.svg")
    late = replace(
        OLD, what="Late", load=3, day="2026-12-01", machine="4 cores", bench="bench_rest.bench_b"
    )

    record.record([OLD, late], [])

    (group,) = (each for each in record.GROUPS if "bench_rest" in each.modules)
    assert record.part(group).splitlines() == [
        "Measured on 25 November 2026 to 1 December 2026 with 2 cores (Linux), and with 4 cores, "
        "at a load of 0.5 to 3.",
        "",
        "| figure | measured | limit | of the limit |",
        "| ------ | -------- | ----- | ------------ |",
        "| Old    | 1 s      | ≤ 2 s | 0.50         |",
        "| Late   | 1 s      | ≤ 2 s | 0.50         |",
    ]
    assert "Late" in record.CHART.read_text(encoding="utf-8")
