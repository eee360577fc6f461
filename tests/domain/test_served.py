"""Who has a code, and the result of a redemption: every state and every end, as tables."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest

from giftcodes.domain.result_kinds import ResultKind
from giftcodes.domain.served import HAVING, SHARES, Ending, Phase, Result, Served, Share, Tone
from giftcodes.domain.transitions import State
from giftcodes.models import RunState

OVER = (Phase.COMPLETE, Phase.STOPPED)
#: Numbers of members: has, not eligible, needs you, waiting, cannot.
ALL_NUMBERS = [Served(*numbers) for numbers in itertools.product((0, 1, 7), repeat=5)]


def test_every_state_has_a_share_and_only_two_states_mean_that_a_member_has_it() -> None:
    assert set(SHARES) == set(State)
    assert {State.REDEEMED, State.ALREADY_RECEIVED} == HAVING


def test_every_member_is_in_one_share() -> None:
    served = Served.of(dict.fromkeys(State, 2), ending=Ending.OPEN)
    assert served == Served(has=4, not_eligible=2, needs_you=4, waiting=6, cannot=4)
    assert served.total == 2 * len(State)


@pytest.mark.parametrize("ending", [ending for ending in Ending if ending is not Ending.OPEN])
def test_no_member_needs_you_if_the_code_has_ended_or_does_not_exist(ending: Ending) -> None:
    over = Served.of(dict.fromkeys(State, 2), ending=ending)
    assert over == Served(has=4, waiting=6, cannot=10)


def test_the_phases_are_those_of_a_run() -> None:
    assert set(Phase) == {*RunState.values, "stopping"}


@pytest.mark.parametrize(
    ("served", "percent", "words", "rest"),
    [
        (Served(), 0, "no members", ""),
        (Served(has=1), 100, "1 of 1 has it", ""),
        (Served(has=599, needs_you=1), 99, "599 of 600 have it", "1 needs you"),
        (
            Served(1, 2, 3, 1, 1),
            12,
            "1 of 8 have it",
            "2 are not eligible, 3 need you, 1 is waiting, 1 cannot have it",
        ),
    ],
)
def test_the_percentage_and_the_words_count_who_has_it(
    served: Served, percent: int, words: str, rest: str
) -> None:
    assert (served.percent, served.words, served.rest) == (percent, words, rest)


@pytest.mark.parametrize(
    ("served", "phase", "ending", "kind", "tone"),
    [
        (Served(has=5), Phase.COMPLETE, Ending.OPEN, ResultKind.DONE, Tone.GOOD),
        (Served(has=5), Phase.COMPLETE, Ending.EXPIRED, ResultKind.DONE, Tone.GOOD),
        (Served(has=5), Phase.STOPPED, Ending.OPEN, ResultKind.DONE, Tone.GOOD),
        (Served(has=5, not_eligible=5), Phase.COMPLETE, Ending.OPEN, ResultKind.DONE, Tone.NEUTRAL),
        (Served(has=5, cannot=1), Phase.COMPLETE, Ending.OPEN, ResultKind.DONE, Tone.NEUTRAL),
        (
            Served(has=5, needs_you=1),
            Phase.COMPLETE,
            Ending.OPEN,
            ResultKind.NEEDS_YOU,
            Tone.ATTENTION,
        ),
        (Served(needs_you=5), Phase.COMPLETE, Ending.OPEN, ResultKind.SERVED_NONE, Tone.BAD),
        (
            Served(not_eligible=5),
            Phase.COMPLETE,
            Ending.OPEN,
            ResultKind.SERVED_NONE,
            Tone.ATTENTION,
        ),
        (Served(cannot=5), Phase.COMPLETE, Ending.OPEN, ResultKind.NOTHING, Tone.NEUTRAL),
        (Served(), Phase.COMPLETE, Ending.OPEN, ResultKind.NOTHING, Tone.NEUTRAL),
        (Served(cannot=5), Phase.COMPLETE, Ending.UNKNOWN, ResultKind.CODE_UNKNOWN, Tone.BAD),
        (Served(cannot=5), Phase.COMPLETE, Ending.EXPIRED, ResultKind.EXPIRED, Tone.BAD),
        (Served(has=1, cannot=5), Phase.COMPLETE, Ending.EXPIRED, ResultKind.EXPIRED, Tone.NEUTRAL),
        (Served(cannot=5), Phase.COMPLETE, Ending.USED_UP, ResultKind.USED_UP, Tone.BAD),
        (Served(cannot=5), Phase.COMPLETE, Ending.CLOSED, ResultKind.CODE_CLOSED, Tone.BAD),
        (Served(has=1, cannot=5), Phase.STOPPED, Ending.OPEN, ResultKind.STOPPED, Tone.ATTENTION),
        (Served(has=1, waiting=5), Phase.RUNNING, Ending.OPEN, ResultKind.RUNNING, Tone.BUSY),
        (Served(has=1, waiting=5), Phase.STOPPING, Ending.OPEN, ResultKind.STOPPING, Tone.BUSY),
        (Served(waiting=5), Phase.PENDING, Ending.OPEN, ResultKind.WAITING, Tone.BUSY),
    ],
)
def test_the_result_follows_from_the_numbers_and_the_states_of_the_run_and_the_code(
    served: Served, phase: Phase, ending: Ending, kind: ResultKind, tone: Tone
) -> None:
    result = Result.of(served, phase=phase, ending=ending)
    assert (result.kind, result.tone) == (kind, tone)


@pytest.mark.parametrize("ending", Ending)
@pytest.mark.parametrize("phase", Phase)
def test_no_result_is_good_unless_every_member_has_the_code(phase: Phase, ending: Ending) -> None:
    for served in ALL_NUMBERS:
        result = Result.of(served, phase=phase, ending=ending)
        has_everyone = served.has == served.total > 0
        assert (result.tone is Tone.GOOD) <= has_everyone
        assert ("✅" in result.icon) <= has_everyone
        assert ("✓" in result.sign) <= has_everyone
        assert result.words
        assert result.title[0].isupper()
        if phase in OVER and not served.has and not served.waiting and served.total:
            assert result.served_none or result.kind is ResultKind.NOTHING


def test_a_code_that_ended_by_its_date_says_so_and_does_not_blame_the_game() -> None:
    ended = {"phase": Phase.COMPLETE, "ending": Ending.EXPIRED}
    by_date = Result.of(Served(cannot=5), **ended, ended_on=dt.date(2026, 11, 27))
    assert by_date.advice == "It expired on 2026-11-27."
    assert Result.of(Served(cannot=5), **ended).advice == (
        "The game no longer gives this code to anyone."
    )


def test_every_result_that_is_bad_or_needs_attention_has_advice() -> None:
    for served, phase, ending in itertools.product(ALL_NUMBERS, OVER, Ending):
        result = Result.of(served, phase=phase, ending=ending)
        if result.tone in (Tone.BAD, Tone.ATTENTION):
            assert result.advice.endswith(".")


def test_the_numbers_of_several_redemptions_are_added() -> None:
    assert Served.together([Served(1, 2, 3, 4, 5), Served(has=1)]) == Served(2, 2, 3, 4, 5)
    assert Served.together([]) == Served()


def test_the_shares_of_a_bar_are_in_one_order_and_none_is_empty() -> None:
    assert Served(has=1, waiting=2).counts == [(Share.HAS, 1), (Share.WAITING, 2)]
