"""Each guard of `make guards` is alive: its text occurs exactly once, and its test exists."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from chaos import guards
from chaos.guards import GUARDS, Guard
from chaos.scenario import SCENARIOS
from chaos.scenarios import load
from redeemer.localserver.home import REPOSITORY


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_the_text_of_a_guard_occurs_exactly_once(guard: Guard) -> None:
    counts = {
        (name, text): (REPOSITORY / name).read_text(encoding="utf-8").count(text)
        for name, text, _without in guard.cuts
    }

    assert counts == dict.fromkeys(counts, 1)


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_the_test_or_scenario_that_watches_a_guard_exists(guard: Guard) -> None:
    kind, _, scenario = guard.watched_by.partition("chaos:")
    if not kind:
        load()
        assert scenario in SCENARIOS
        return
    file, _, test = guard.watched_by.partition("::")
    tree = ast.parse((REPOSITORY / file).read_text(encoding="utf-8"))
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}

    assert test.partition("[")[0] in functions


def test_a_name_of_no_guard_is_an_error_and_nothing_is_tested(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(guards, "_goes_red", lambda _guard: pytest.fail("a guard was tested"))
    monkeypatch.setenv("GUARD", "sweep of expired leases,typo")

    assert guards.main() == 2

    said = capsys.readouterr().out
    assert said.startswith("There is no guard typo. There are:\n")
    assert all(guard.name in said for guard in GUARDS)


def test_a_part_of_a_name_chooses_a_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    tested: list[Guard] = []
    monkeypatch.setattr(guards, "_goes_red", lambda guard: tested.append(guard) or True)
    monkeypatch.setenv("GUARD", "sweep of expired")

    assert guards.main() == 0

    assert tested
    assert all("sweep of expired" in guard.name for guard in tested)
