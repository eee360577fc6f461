"""What a person sees on a terminal: no word is broken, however narrow the terminal is."""

from __future__ import annotations

import io
import os
import re
from typing import Any

import pytest
from django.core.management.base import OutputWrapper
from django.core.management.color import no_style

from giftcodes.cli.terminal import Screen, Table, _blocks, _widths
from giftcodes.management.commands.status import _games
from giftcodes.models import RateBudget, database_now
from giftcodes.queries.overview import overview
from tests.factories import gift_code, guild
from tests.pipeline.conftest import World, world

__all__ = ["world"]

WIDE = Table(
    "Games",
    ("Game", "State", "Feed's last answer"),
    [("Whiteout Survival", "off (WHITEOUT_SALT is not set)", "2026-11-27 11:20:03")],
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(table: Table, width: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """The table on a terminal with this number of columns."""
    monkeypatch.setenv("COLUMNS", str(width))
    out = Terminal()
    monkeypatch.setattr("sys.stdout", out)
    Screen(OutputWrapper(out), no_style()).table(table)
    return re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())


def words(table: Table) -> set[str]:
    return {
        word for row in (table.headers, *table.rows) for cell in row for word in str(cell).split()
    }


@pytest.mark.parametrize("width", [200, 100, 80, 60, 40])
def test_no_word_is_broken_and_no_line_is_too_long(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = shown(WIDE, width, monkeypatch)
    for word in words(WIDE):
        assert word in text
    assert max(map(len, text.splitlines())) <= width


def test_a_table_that_does_not_fit_is_shown_as_a_list() -> None:
    assert _widths(WIDE, 100) is not None
    assert _widths(WIDE, 30) is None
    assert _blocks(WIDE, 40) == [
        "Games:",
        "  Whiteout Survival",
        "    State: off (WHITEOUT_SALT is not",
        "    set)",
        "    Feed's last answer: 2026-11-27",
        "    11:20:03",
    ]


def test_the_table_of_games_in_status_breaks_no_word_at_80_columns(
    world: World, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    RateBudget.objects.create(
        provider="simulator",
        pause_kind="signature",
        pause_reason="The game refused our signature.",
        paused_until=database_now(),
    )
    world.begin(guild(members=2), gift_code())
    table = _games(overview())

    text = shown(table, 80, monkeypatch)

    for row in table.rows:
        for word in " ".join(map(str, row)).split():
            assert word in text
    assert max(map(len, text.splitlines())) <= 80
    assert os.environ["COLUMNS"] == "80"
