"""The rate window, as a table of answers and moments. An unsaved budget needs no database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from giftcodes.clients.games.base import RateReport
from giftcodes.clients.games.config import Rate
from giftcodes.domain.outcomes import Outcome
from giftcodes.models import RateBudget
from giftcodes.models.rate_budget import UNLIMITED, Observation

RATE = Rate(30, 60)
T0 = datetime(2026, 6, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def observation(
    *,
    sent: float = 0,
    permit_until: datetime | None = None,
    outcome: Outcome = Outcome.SUCCESS,
    has_status: bool = True,
    **report: float,
) -> Observation:
    return Observation(
        outcome=outcome,
        has_status=has_status,
        report=RateReport(**report),  # type: ignore[arg-type]
        player_id="300000001",
        code_id=1,
        sent_at=at(sent),
        permit_until=permit_until,
        is_probe=False,
    )


def opened() -> RateBudget:
    """A window whose first request was sent at 0 s and answered at 1 s."""
    budget = RateBudget(provider="simulator")
    budget.consume(1, now=at(0))
    budget.apply_response(observation(), rate=RATE, now=at(1))
    return budget


def test_only_one_permit_is_given_until_the_window_is_anchored() -> None:
    budget = RateBudget(provider="simulator")

    assert budget.permits(rate=RATE, now=at(0), openers_out=0) == 1
    assert budget.permits(rate=RATE, now=at(0), openers_out=1) == 0


def test_a_window_is_anchored_at_the_answer_and_then_used_whole() -> None:
    budget = opened()

    assert budget.permits(rate=RATE, now=at(1), openers_out=0) == 29
    # Requests may be sent until 60 s after the first request was sent. The next window opens 60 s
    # after the first request was answered.
    assert budget.permits_until == at(60)
    assert budget.permits(rate=RATE, now=at(60.5), openers_out=0) == 0
    assert budget.permits(rate=RATE, now=at(61.1), openers_out=0) == 1


def test_a_first_request_that_is_lost_does_not_open_the_window_but_counts_in_it() -> None:
    budget = RateBudget(provider="simulator")
    budget.consume(1, now=at(0))
    budget.apply_response(
        observation(outcome=Outcome.UNANSWERED, has_status=False), rate=RATE, now=at(15)
    )
    assert budget.window_ends_at is None
    assert budget.permits(rate=RATE, now=at(15), openers_out=0) == 1
    budget.consume(1, now=at(15))

    budget.apply_response(observation(sent=15), rate=RATE, now=at(16))

    assert budget.permits(rate=RATE, now=at(16), openers_out=0) == 28


def test_the_first_answer_shows_what_other_programs_on_this_address_have_used() -> None:
    budget = RateBudget(provider="simulator")
    budget.consume(1, now=at(0))

    budget.apply_response(observation(limit=30, remaining=19), rate=RATE, now=at(1))

    assert budget.permits(rate=RATE, now=at(1), openers_out=0) == 19


def test_the_limit_that_the_game_reports_overrides_the_configured_limit() -> None:
    budget = RateBudget(provider="simulator")
    budget.consume(1, now=at(0))

    budget.apply_response(observation(limit=20, remaining=19), rate=RATE, now=at(1))

    assert budget.permits(rate=RATE, now=at(1), openers_out=0) == 19


def test_an_answer_from_the_previous_window_changes_nothing_in_this_window() -> None:
    budget = opened()

    budget.apply_response(
        observation(permit_until=at(-5), limit=30, remaining=0), rate=RATE, now=at(2)
    )

    assert budget.permits(rate=RATE, now=at(2), openers_out=0) == 29


def test_a_429_ends_the_permits_of_a_known_window() -> None:
    budget = opened()

    for _ in range(2):
        budget.apply_response(
            observation(outcome=Outcome.THROTTLED, permit_until=at(60)), rate=RATE, now=at(5)
        )

    assert budget.permits(rate=RATE, now=at(61), openers_out=0) == 0
    assert budget.permits(rate=RATE, now=at(61.2), openers_out=0) == 1


def test_after_a_429_for_the_request_that_opens_a_window_a_whole_window_must_pass() -> None:
    budget = RateBudget(provider="simulator")
    budget.consume(1, now=at(0))

    budget.apply_response(observation(outcome=Outcome.THROTTLED), rate=RATE, now=at(5))

    assert budget.permits(rate=RATE, now=at(66), openers_out=0) == 0
    assert budget.permits(rate=RATE, now=at(67), openers_out=0) == 1


def test_after_a_429_that_comes_when_its_window_is_over_a_whole_window_must_pass() -> None:
    budget = opened()

    budget.apply_response(
        observation(outcome=Outcome.THROTTLED, permit_until=at(60)), rate=RATE, now=at(70)
    )

    assert budget.permits(rate=RATE, now=at(131), openers_out=0) == 0
    assert budget.permits(rate=RATE, now=at(132), openers_out=0) == 1


def test_retry_after_overrides_our_guess() -> None:
    budget = RateBudget(provider="simulator")
    budget.consume(1, now=at(0))

    budget.apply_response(
        observation(outcome=Outcome.THROTTLED, retry_after_seconds=7), rate=RATE, now=at(1)
    )

    assert budget.permits(rate=RATE, now=at(7), openers_out=0) == 0
    assert budget.permits(rate=RATE, now=at(8.5), openers_out=0) == 1


@pytest.mark.parametrize("asked_for", [7_200, 86_400])
def test_a_game_that_asks_for_a_pause_of_hours_is_asked_again_after_one_hour(
    asked_for: float,
) -> None:
    budget = RateBudget(provider="simulator")
    budget.consume(1, now=at(0))

    budget.apply_response(
        observation(outcome=Outcome.THROTTLED, retry_after_seconds=asked_for), rate=RATE, now=at(1)
    )

    assert budget.permits(rate=RATE, now=at(3_600), openers_out=0) == 0
    assert budget.permits(rate=RATE, now=at(3_602), openers_out=0) == 1


def test_an_unlimited_game_is_unlimited_until_it_says_429() -> None:
    budget = RateBudget(provider="simulator")
    assert budget.permits(rate=None, now=at(0), openers_out=5) == UNLIMITED

    budget.apply_response(observation(outcome=Outcome.THROTTLED), rate=None, now=at(1))

    assert budget.permits(rate=None, now=at(2), openers_out=0) == 0
    assert budget.permits(rate=None, now=at(64), openers_out=0) == UNLIMITED


def test_an_answer_without_news_needs_no_write() -> None:
    budget = opened()

    changed = budget.apply_response(
        observation(sent=2, permit_until=at(60), limit=30, remaining=29), rate=RATE, now=at(3)
    )
    again = budget.apply_response(
        observation(sent=2, permit_until=at(60), limit=30, remaining=29), rate=RATE, now=at(3)
    )

    assert changed, "the limit was reported for the first time"
    assert not again


# --- Something else sends from our address --------------------------------------------------------
def used_by_others(budget: RateBudget, begin: float, *, others: int) -> int:
    """Open a window in which others have sent requests before our first request.

    Returns:
        Our permits in the window, including the permit of our first request.
    """
    budget.consume(1, now=at(begin))
    first = observation(sent=begin, limit=30, remaining=29 - others)
    budget.apply_response(first, rate=RATE, now=at(begin))
    return 1 + budget.permits(rate=RATE, now=at(begin), openers_out=0)


def test_as_much_as_others_took_is_reserved_for_them_in_the_next_window() -> None:
    budget = RateBudget(provider="simulator")
    assert used_by_others(budget, 0, others=10) == 20

    assert used_by_others(budget, 61, others=0) == 20


def test_what_others_have_taken_of_their_reserve_is_not_reserved_again() -> None:
    budget = RateBudget(provider="simulator")
    used_by_others(budget, 0, others=10)

    assert used_by_others(budget, 61, others=4) == 20


def test_when_others_are_gone_their_reserve_is_taken_back_window_by_window() -> None:
    budget = RateBudget(provider="simulator")
    used_by_others(budget, 0, others=10)

    assert [used_by_others(budget, 61 * window, others=0) for window in range(1, 7)] == [
        20,
        25,
        28,
        29,
        30,
        30,
    ]


def test_a_429_shows_that_others_were_served_in_our_place() -> None:
    budget = opened()
    budget.consume(24, now=at(1))
    for _ in range(3):
        budget.apply_response(
            observation(outcome=Outcome.THROTTLED, permit_until=at(60)), rate=RATE, now=at(2)
        )

    # The game served 22 of our 25 requests. The other eight of its 30 were of another program.
    assert budget.others == 8
    assert used_by_others(budget, 62, others=0) == 22


def test_one_request_of_ours_is_sent_in_each_window_however_much_others_take() -> None:
    budget = RateBudget(provider="simulator")
    used_by_others(budget, 0, others=29)

    assert used_by_others(budget, 61, others=0) == 1
    assert used_by_others(budget, 122, others=0) == 16
