"""Properties of every forecast, for any queue."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giftcodes.estimates.forecast import Run, forecast, last_turns
from giftcodes.estimates.pace import Pace, Window

DELAYS = st.floats(-100, 5_000)


@st.composite
def paces(draw: st.DrawFn) -> Pace:
    limit = draw(st.integers(1, 60))
    ends_in = draw(st.none() | st.floats(0.01, 120))
    window = Window(
        limit=limit,
        seconds=draw(st.floats(0.5, 120)),
        left=draw(st.integers(0, limit)) if ends_in else 0,
        ends_in=ends_in,
        openers_out=0 if ends_in else draw(st.integers(0, 1)),
    )
    return Pace(
        window=draw(st.sampled_from([window, None])),
        speed=draw(st.floats(0.01, 500)),
        latency=draw(st.floats(0.001, 15)),
        threads=draw(st.integers(1, 20)),
        in_flight=draw(st.integers(0, 40)),
        held_for=draw(st.sampled_from([0.0]) | st.floats(0, 700)),
        is_on_trial=draw(st.booleans()),
    )


@st.composite
def queues(draw: st.DrawFn) -> list[Run]:
    runs = []
    ranks = sorted(draw(st.lists(st.integers(0, 3), max_size=8)))
    for number, rank in enumerate(ranks):
        requests = draw(st.integers(0, 60))
        runs.append(
            Run(
                id=number,
                rank=rank,
                requests=requests,
                later=tuple(draw(st.lists(st.floats(0.1, 5_000), max_size=min(3, requests)))),
                confirmations=tuple(draw(st.lists(DELAYS, max_size=3))),
                in_flight=draw(st.integers(0, 3)),
                is_stopping=draw(st.integers(0, 5)) == 0,
                is_proven=draw(st.booleans()),
            )
        )
    return runs


def faster(pace: Pace, times: int) -> Pace:
    """The same pace, with a higher limit or a higher speed."""
    if pace.window is None:
        assert pace.speed is not None
        return replace(pace, speed=pace.speed * times)
    more = pace.window.limit * (times - 1)
    left = pace.window.left + more if pace.window.ends_in else 0
    return replace(pace, window=replace(pace.window, limit=pace.window.limit + more, left=left))


@given(paces())
@settings(deadline=None)
def test_a_later_request_is_never_answered_earlier(pace: Pace) -> None:
    answers = [pace.answered_in(nth) for nth in range(1, 150)]
    assert answers[0] > 0
    assert all(later >= earlier - 1e-6 for earlier, later in pairwise(answers))


@given(paces(), st.integers(1, 500), st.integers(1, 5))
@settings(deadline=None)
def test_with_a_higher_rate_no_request_is_answered_later(pace: Pace, nth: int, times: int) -> None:
    assert faster(pace, times).answered_in(nth) <= pace.answered_in(nth) + 1e-6


@given(paces(), queues(), st.integers(1, 5))
@settings(deadline=None)
def test_with_a_higher_rate_no_run_ends_later(pace: Pace, queue: list[Run], times: int) -> None:
    slow, fast = forecast(pace, queue), forecast(faster(pace, times), queue)
    for run in queue:
        # Without a window, answers come at fixed intervals. The request for a member who falls due
        # between two of them is counted with the later one.
        grain = 1 / pace.speed if pace.window is None and pace.speed else 0
        assert (fast[run.id].seconds or 0) <= (slow[run.id].seconds or 0) + grain + 1e-6


@given(paces(), queues(), st.integers(0, 7), st.integers(1, 40))
@settings(deadline=None)
def test_with_more_requests_ahead_no_run_ends_earlier(
    pace: Pace, queue: list[Run], which: int, more: int
) -> None:
    longer = [
        replace(run, requests=run.requests + more) if run.id == which else run for run in queue
    ]
    before, after = forecast(pace, queue), forecast(pace, longer)
    for run in queue:
        assert (after[run.id].seconds or 0) >= (before[run.id].seconds or 0) - 1e-6
        assert after[run.id].ahead_of_last >= before[run.id].ahead_of_last or run.id == which


@given(paces(), queues())
@settings(deadline=None)
def test_nothing_is_negative_and_the_last_request_has_at_least_as_many_ahead_as_the_next(
    pace: Pace, queue: list[Run]
) -> None:
    everything = sum(run.requests + len(run.confirmations) for run in queue)
    for outlook in forecast(pace, queue).values():
        assert outlook.seconds is not None
        assert outlook.seconds >= 0
        assert 0 <= outlook.ahead_of_next <= outlook.ahead_of_last <= everything


@given(queues())
@settings(deadline=None)
def test_without_a_known_pace_each_run_has_an_outlook_anyway(queue: list[Run]) -> None:
    assert set(forecast(Pace(), queue)) == {run.id for run in queue}


@given(st.lists(st.integers(0, 30), max_size=12))
def test_the_turns_are_those_of_a_round_robin(requests: list[int]) -> None:
    left, sent, places = list(requests), 0, [0] * len(requests)
    while any(left):
        for run, number in enumerate(left):
            if number:
                sent += 1
                left[run] -= 1
                places[run] = sent
    assert last_turns(requests) == places


@given(paces(), queues())
@settings(deadline=None)
def test_a_better_rank_is_never_held_up_by_a_worse_one(pace: Pace, queue: list[Run]) -> None:
    """It leaves out unconfirmed members, who go first, and members who are not due yet."""
    queue = [replace(run, confirmations=(), later=()) for run in queue]
    whole = forecast(pace, queue)
    for _rank, group in groupby(queue, key=lambda run: run.rank):
        last = list(group)[-1]
        until = queue[: queue.index(last) + 1]
        alone = forecast(pace, until)
        assert whole[last.id].seconds == pytest.approx(alone[last.id].seconds)
