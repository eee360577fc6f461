"""Forecasts of plain values: examples that can be calculated by hand. No database."""

from __future__ import annotations

from dataclasses import replace

import pytest

from giftcodes.estimates.forecast import Outlook, Run, forecast, in_all, last_turns
from giftcodes.estimates.formatting import about, left, still
from giftcodes.estimates.pace import NOT_MEASURED, Pace, Window

#: 30 requests in 60 s, sent by 10 threads, each answered in 0.1 s. No window is open.
LIMITED = Pace(window=Window(limit=30, seconds=60), latency=0.1, threads=10)
#: Ten requests a second, without a limit.
FREE = Pace(speed=10, latency=0.1, threads=10)


def seconds(outlook: Outlook) -> float:
    assert outlook.seconds is not None
    return outlook.seconds


# --- The pace -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("nth", "answered_in"),
    [
        (1, 0.1),  # The first request opens the window, alone.
        (2, 0.2),
        (11, 0.2),
        (12, 0.3),
        (30, 0.4),
        (31, 60.35),  # The wait for the tick after the window, and the answer.
        (60, 60.65),
        (61, 120.6),
    ],
)
def test_a_window_is_opened_by_one_request_and_then_used_whole(
    nth: int, answered_in: float
) -> None:
    assert LIMITED.answered_in(nth) == pytest.approx(answered_in)


def test_the_rest_of_the_open_window_is_used_first() -> None:
    pace = replace(LIMITED, window=Window(limit=30, seconds=60, left=5, ends_in=20))

    assert pace.answered_in(5) == pytest.approx(0.1)
    # The window was opened at a tick and takes 60.1 s, so the next tick is 0.15 s after its end.
    assert pace.answered_in(6) == pytest.approx(20.25)


def test_requests_that_open_a_window_have_a_place_in_it() -> None:
    pace = replace(LIMITED, window=Window(limit=30, seconds=60, openers_out=1))

    assert pace.answered_in(29) == pytest.approx(0.4)
    assert pace.answered_in(30) > 60


def test_slow_answers_make_a_window_smaller_than_its_limit() -> None:
    pace = replace(LIMITED, latency=10, threads=2)

    # Two threads can send only twelve in a minute.
    assert pace.answered_in(12) <= 70 < pace.answered_in(14)


def test_without_a_limit_the_measured_speed_counts() -> None:
    assert FREE.answered_in(50) == pytest.approx(5.0)
    assert replace(FREE, in_flight=10).answered_in(50) == pytest.approx(6.0)


def test_a_refusal_by_a_game_without_a_limit_holds_up_all_requests() -> None:
    assert replace(FREE, held_for=30).answered_in(50) == pytest.approx(35.125)


def test_during_a_pause_nothing_is_sent_and_after_it_only_one_request_at_first() -> None:
    pace = replace(
        LIMITED,
        window=Window(limit=30, seconds=60, left=29, ends_in=20),
        held_for=40,
        is_on_trial=True,
    )

    # The pause, the wait for a tick, the answer to the probe, and the request's own answer.
    assert pace.answered_in(1) == pytest.approx(40.325)


# --- The turns ------------------------------------------------------------------------------------
def test_runs_of_equal_rank_take_turns() -> None:
    # In the order abc, abc, ac, c, the last request of a is the 7th, of b the 5th, of c the 9th.
    assert last_turns([3, 2, 4]) == [7, 5, 9]
    assert last_turns([0, 1, 0, 1]) == [0, 1, 0, 2]


def test_a_large_guild_does_not_hold_up_a_small_one() -> None:
    found = forecast(FREE, [Run(1, requests=600), Run(2, requests=20)])

    assert seconds(found[2]) == pytest.approx(4.0)
    assert seconds(found[1]) == pytest.approx(62.0)


# --- What is ahead --------------------------------------------------------------------------------
def test_all_requests_of_a_better_rank_go_first() -> None:
    found = forecast(LIMITED, [Run(1, rank=1, requests=30), Run(2, rank=2, requests=20)])

    assert (found[1].ahead_of_next, found[1].ahead_of_last) == (0, 0)
    assert (found[2].ahead_of_next, found[2].ahead_of_last) == (30, 30)
    assert seconds(found[1]) < 1
    assert 60 < seconds(found[2]) < 62


def test_among_runs_of_equal_rank_the_next_turn_is_near_and_the_last_turn_far() -> None:
    found = forecast(FREE, [Run(1, requests=10), Run(2, requests=10), Run(3, requests=10)])

    assert [found[run].ahead_of_next for run in (1, 2, 3)] == [0, 1, 2]
    assert [found[run].ahead_of_last for run in (1, 2, 3)] == [18, 19, 20]


def test_unconfirmed_members_go_first_whatever_their_rank_and_are_not_ahead_of_their_own_run() -> (
    None
):
    found = forecast(
        FREE, [Run(1, rank=1, requests=10), Run(2, rank=2, requests=1, confirmations=(0, -5))]
    )

    assert (found[1].ahead_of_next, found[1].ahead_of_last) == (2, 2)
    assert (found[2].requests, found[2].ahead_of_last) == (3, 10)


def test_unconfirmed_members_who_fall_due_later_are_ahead_only_of_later_requests() -> None:
    found = forecast(
        FREE,
        [Run(1, rank=1, confirmations=(60,)), Run(2, rank=2, requests=10), Run(3, requests=900)],
    )

    assert found[2].ahead_of_last == 0
    assert found[3].ahead_of_last == 11


def test_a_run_ends_with_the_member_who_falls_due_last() -> None:
    found = forecast(FREE, [Run(1, requests=3, later=(45,)), Run(2, confirmations=(60, 20))])

    assert seconds(found[1]) == pytest.approx(45.225)
    assert seconds(found[2]) == pytest.approx(60.225)


def test_a_member_who_falls_due_in_a_used_up_window_waits_for_the_next_one() -> None:
    pace = replace(LIMITED, window=Window(limit=30, seconds=60, left=0, ends_in=50))
    found = forecast(pace, [Run(1, confirmations=(5,))])

    assert seconds(found[1]) == pytest.approx(50.25)


def test_stopping_takes_as_long_as_the_requests_under_way_and_delays_no_other_run() -> None:
    found = forecast(
        LIMITED, [Run(1, requests=50, in_flight=2, is_stopping=True), Run(2, requests=1)]
    )

    assert (found[1].requests, found[1].seconds) == (0, 0.1)
    assert found[2].ahead_of_last == 0


def test_a_run_that_waits_for_a_request_of_another_guild_ends_with_its_answer() -> None:
    found = forecast(FREE, [Run(1, requests=100), Run(2, requests=1, waits_for=((1, 9),))])

    assert found[1].ahead_of_last == 1
    assert seconds(found[2]) == pytest.approx(0.9 * seconds(found[1]))


def test_an_unproven_code_takes_the_time_of_one_more_answer() -> None:
    proven = forecast(FREE, [Run(1, requests=20)])[1]
    unproven = forecast(FREE, [Run(1, requests=20, is_proven=False)])[1]

    assert seconds(unproven) == pytest.approx(seconds(proven) + 0.1)


# --- What is unknown ------------------------------------------------------------------------------
def test_during_a_hindrance_its_words_and_the_requests_ahead_are_known_but_the_time_is_not() -> (
    None
):
    pace = replace(LIMITED, hindrance="paused until it is resumed")
    found = forecast(pace, [Run(1, rank=1, requests=10), Run(2, rank=2, requests=1)])

    assert (found[2].seconds, found[2].ahead_of_last) == (None, 10)
    assert left(found[2]) == "paused until it is resumed"


def test_without_limit_and_speed_the_time_is_unknown_unless_a_run_has_no_requests() -> None:
    found = forecast(Pace(), [Run(1, requests=10), Run(2)])

    assert (found[1].seconds, left(found[1])) == (None, NOT_MEASURED)
    assert found[2].seconds == 0
    with pytest.raises(ValueError, match="unknown"):
        Pace().answered_in(1)


def test_a_game_s_queue_ends_with_its_last_run() -> None:
    found = forecast(FREE, [Run(1, requests=10), Run(2, rank=1, requests=5)])

    assert (in_all(found.values()).requests, seconds(in_all(found.values()))) == (
        15,
        pytest.approx(1.5),
    )
    assert in_all([]) == Outlook(seconds=0.0)
    assert in_all(forecast(Pace(), [Run(1, requests=1), Run(2)]).values()).seconds is None


# --- The words ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "a few seconds"),
        (4.9, "a few seconds"),
        (5, "about 10 s"),
        (44, "about 40 s"),
        (54.9, "about 50 s"),
        (55, "about 1 min"),
        (89, "about 1 min"),
        (90, "about 2 min"),
        (200, "about 3 min"),
        (569, "about 9 min"),
        (570, "about 10 min"),
        (1_700, "about 30 min"),
        (3_449, "about 55 min"),
        (3_450, "about 1 h"),
        (84_599, "about 23 h"),
        (84_600, "about 1 day"),
        (200_000, "about 2 days"),
    ],
)
def test_a_time_is_shown_no_more_exactly_than_it_is_known(seconds: float, words: str) -> None:
    assert about(seconds) == words


def test_the_words_name_what_the_time_depends_on() -> None:
    assert left(Outlook(seconds=200)) == "about 3 min"
    assert left(Outlook(seconds=200, is_proven=False)) == "about 3 min if the code works"
    assert (
        left(Outlook(seconds=200, is_paused=True)) == "paused: about 3 min if the game answers then"
    )
    assert left(Outlook(seconds=1, is_stopping=True)) == "stopping: a few seconds"


def test_a_run_that_waits_for_no_answer_has_nothing_left() -> None:
    assert left(Outlook(seconds=0)) == "nothing"
    assert still(Outlook(seconds=0)) == "about to end"
