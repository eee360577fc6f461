"""The generated parts of the reference follow the code. Tables written by hand are complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.apps import apps
from mkdocs.exceptions import PluginError

from docs._generate import reference
from giftcodes.domain.failpoints import NAMES
from giftcodes.domain.outcomes import Outcome
from giftcodes.domain.transitions import State
from giftcodes.models import Alarm, CodeState, RunState

PAGES = Path(reference.REPOSITORY) / "docs/reference"


def first_cells(page: str) -> list[str]:
    """The first cell of each row of a page's tables."""
    text = (PAGES / page).read_text(encoding="utf-8")
    return [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]


def test_every_generated_part_is_used_by_one_page_and_is_not_empty() -> None:
    used = [
        name
        for page in PAGES.parent.rglob("*.md")
        for name in re.findall(r"<!-- generated: ([a-z-]+) -->", page.read_text(encoding="utf-8"))
    ]

    assert sorted(used) == sorted(reference.PARTS)
    for name in used:
        assert len(reference.write_part(name).splitlines()) > 4, name


def test_an_unknown_part_stops_the_build() -> None:
    with pytest.raises(PluginError, match="'colours'"):
        reference.on_page_markdown("# Page\n\n<!-- generated: colours -->\n")


def test_a_setting_without_a_description_stops_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = (reference.REPOSITORY / ".env.example").read_text(encoding="utf-8")
    without = re.sub(r"^# [^\n]+\n(?=#PORT=)", "", example, flags=re.MULTILINE)
    assert without != example
    (tmp_path / ".env.example").write_text(without, encoding="utf-8")
    monkeypatch.setattr(reference, "EXAMPLE", tmp_path / ".env.example")

    with pytest.raises(PluginError, match="no description of PORT"):
        reference.write_part("settings")


def test_each_setting_is_on_the_page_with_its_kind_and_default() -> None:
    page = reference.write_part("settings")

    assert "**`REDEEM_THREADS`** (whole number, default `8`)" in page
    assert "**`<GAME>_RATE`** (rate, default `30/60`)" in page
    assert "**`LOG_FORMAT`** (choice, default `console`)" in page


def test_each_command_of_redeemer_is_on_the_page_without_the_options_of_django() -> None:
    page = reference.write_part("commands")

    for name in ("up", "redeem", "audit", "backup", "simulate_game"):
        assert f"## {name}\n\n```text\nusage: manage.py {name} " in page
    assert "--wait" in page
    assert "--pythonpath" not in page


def test_the_page_of_alarms_has_each_kind() -> None:
    assert set(first_cells("alarms.md")[1:]) == {str(kind.label) for kind in Alarm.Kind}


def test_the_page_of_the_data_model_has_each_table() -> None:
    models = {model.__name__ for model in apps.get_app_config("giftcodes").get_models()}

    assert set(first_cells("data-model.md")[1:]) == {
        name for name in models if not name.startswith("Historical")
    }


def test_the_page_of_faults_has_each_failpoint() -> None:
    assert {f"`{point}`" for point in NAMES} <= set(first_cells("faults-and-guards.md"))


def test_the_page_of_outcomes_has_each_outcome() -> None:
    page = reference.write_part("outcomes")

    for outcome in Outcome:
        assert f"| `{outcome.value}` |" in page


def test_the_page_of_states_has_each_state() -> None:
    cells = first_cells("states.md")

    assert {f"`{state.value}`" for state in (*RunState, *State, *CodeState)} <= set(cells)


def test_the_glossary_explains_each_term_once() -> None:
    terms = re.findall(
        r"^\*\*(.+?)\*\*", (PAGES / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    expected = (
        "guild member player code redemption run attempt outcome lease token permit probe feed "
        "listing channel announcement alarm window sweep catch-up fan-out dispatch directory "
        "opt-out coverage"
    )

    assert len(terms) == len(set(terms))
    assert set(expected.split()) <= {*terms}
    assert {"member redemption", "rate budget", "housekeeping event"} <= {*terms}
