"""How a run ended: what is stored is read back unchanged. Any other text has no result."""

from __future__ import annotations

import pytest

from giftcodes.domain.result_kinds import ResultKind
from giftcodes.domain.run_end import RunEnd
from giftcodes.domain.served import Result, Served

NUMBERS = Served(has=36, needs_you=3)


@pytest.mark.parametrize("kind", ResultKind)
def test_what_is_stored_can_be_read(kind: ResultKind) -> None:
    end = RunEnd(Result(kind, NUMBERS), 2)
    assert RunEnd.read(end.stored) == end


@pytest.mark.parametrize(
    "detail",
    ["", "Stopped by a person.", "{", '{"result": "done"}', '{"result": "x", "served": {}}', "{}"],
)
def test_a_sentence_or_an_unknown_text_is_no_result(detail: str) -> None:
    assert RunEnd.read(detail) is None


@pytest.mark.parametrize(
    ("gained", "words"),
    [
        (36, "done, 3 need you (36 of 39 have it)"),
        (1, "done, 3 need you (36 of 39 have it, 1 got it in this run)"),
        (0, "done, 3 need you (36 of 39 have it, nobody got it in this run)"),
    ],
)
def test_the_words_say_how_many_got_it_in_this_run(gained: int, words: str) -> None:
    assert RunEnd(Result(ResultKind.NEEDS_YOU, NUMBERS), gained).words == words
