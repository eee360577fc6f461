"""The model of the lock, its guards, its page and the code name the same things."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest

from chaos.guards import GUARDS as GUARDS_OF_THE_CODE
from model import check
from model.check import GUARDS, PARTS, WORLDS
from redeemer.localserver.home import REPOSITORY

SOURCE = "\n".join(part.read_text(encoding="utf-8") for part in PARTS)
PAGE = (REPOSITORY / "docs/explanation/model.md").read_text(encoding="utf-8")
STEPS = set(re.findall(r"^(?:inline|proctype) (\w+)\(", SOURCE, re.MULTILINE))
#: Parts of steps, which have no function of their own in the code.
HELPERS = {"leave_start", "cancel_waiting", "new_token", "end_claim", "settle", "leave"}


def rows(header: str) -> list[list[str]]:
    """The cells of the page's table with this header."""
    table = PAGE.partition(f"\n| {header}")[2].partition("\n\n")[0]
    lines = table.splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


MAP = rows("step of the model |")
FUNCTIONS = sorted({name for row in MAP for name in re.findall(r"`([\w/.]+::\w+)`", row[1])})


def test_the_page_maps_each_step_of_the_model() -> None:
    named = {name for row in MAP for name in re.findall(r"`(\w+)`", row[0])}

    assert named == STEPS - HELPERS


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_function_that_the_page_names_exists(function: str) -> None:
    file, _, name = function.partition("::")
    text = (REPOSITORY / file).read_text(encoding="utf-8")
    if file.endswith(".sql"):
        names = set(re.findall(r"^-- name: (\w+)$", text, re.MULTILINE))
    else:
        definitions = (ast.FunctionDef, ast.ClassDef)
        names = {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, definitions)}

    assert name in names


def test_the_page_lists_the_guards_of_the_check_with_their_defines() -> None:
    listed = [(row[0], row[1].strip("`")) for row in rows("guard | define")]

    assert listed == [(guard.name, guard.define) for guard in GUARDS]


def test_the_page_says_which_guards_have_no_counterexample() -> None:
    listed = {row[0] for row in rows("guard | define") if "no counterexample" in row[2]}

    assert listed == {guard.name for guard in GUARDS if not guard.is_needed}


def test_each_guard_can_be_removed_from_the_model_and_no_other_one() -> None:
    defines = set(re.findall(r"^#ifn?def ((?:NO|LOOSE)_\w+)$", SOURCE, re.MULTILINE))

    assert defines == {guard.define for guard in GUARDS}


def test_each_guard_of_the_code_is_in_the_model_or_the_page_says_that_it_is_not() -> None:
    of_the_code = {guard.name.removesuffix(" (the whole system)") for guard in GUARDS_OF_THE_CODE}
    others = set(re.findall(r"^- (.+)$", PAGE.partition("are not in the model")[2], re.MULTILINE))

    assert of_the_code - {guard.name for guard in GUARDS} <= others


def test_the_page_describes_each_world() -> None:
    assert [row[0] for row in rows("world | what")] == list(WORLDS.values())


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any check of the model fails the test. Spin need not be installed."""
    monkeypatch.setattr(check.shutil, "which", lambda name: name)
    for part in ("_is_whole", "_is_as_expected"):
        monkeypatch.setattr(check, part, lambda *_: pytest.fail("the model was checked"))


@pytest.mark.usefixtures("unchecked")
def test_a_name_of_no_guard_is_an_error_and_nothing_is_checked(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("GUARD", "one Attempt,typo")

    assert check.main() == 2

    said = capsys.readouterr().out
    assert said.startswith("There is no guard typo. There are:\n")
    assert all(guard.name in said for guard in GUARDS)


@pytest.mark.usefixtures("unchecked")
def test_guards_and_faults_cannot_be_chosen_together(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("GUARD", "one Attempt")
    monkeypatch.setenv("FAULTS", "2")

    assert check.main() == 2

    assert capsys.readouterr().out == "GUARD chooses guards, FAULTS the whole model: set one.\n"
