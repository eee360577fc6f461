"""Each guard of `make guards` is alive: its text occurs exactly once, and its test exists."""

from __future__ import annotations

import ast

import pytest

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
