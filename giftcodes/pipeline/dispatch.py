"""Dispatch: claim the members that are next, one for each permit that is available now.

A game has one dispatch at a time: the game's RateBudget row is locked for the whole step, so that
permits and claims are one decision. The statement `choose` in sql/dispatch.sql says which rows are
chosen and why; docs/explanation/design.md, “The lock”, is its specification.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from giftcodes.domain.transitions import HOLDING, literals
from giftcodes.models import RateBudget, Redemption, RunState, database_now
from giftcodes.models.code_state import OPEN_STATES
from giftcodes.models.deadline import deadline
from giftcodes.models.games import game
from giftcodes.models.rate_budget import UNLIMITED, threads_of_workers
from giftcodes.models.start_rules import providers_on
from giftcodes.sql import execute, fetch, statement

#: Two requests for one player are safe if they are this far apart. The game's protocol demands
#: about 2 s, and 4 s after the answer TOO FREQUENT.
PLAYER_GAP_SECONDS = 2.2
PLAYER_GAP_AFTER_REFUSAL_SECONDS = 4.0
#: How many claims a thread may have of a game with a limit.
CLAIMS_WITH_LIMIT = 3
#: Workers begin with their claims in less time than this.
MOMENT = dt.timedelta(seconds=2)
#: For each permit, this many runs of each code are considered, because two runs may want the same
#: player, and then one of them has to wait.
RUNS_FOR_A_PERMIT = 2


class Claim(NamedTuple):
    """A member redemption for which the holder of this token may send a request."""

    member_redemption_id: int
    token: int


class _Chosen(NamedTuple):
    """A row that was chosen to be claimed."""

    member_redemption_id: int
    redemption_id: int


def dispatch(provider: str) -> list[Claim]:
    """Claim as many member redemptions as the game accepts now.

    Args:
        provider: the game's name.

    Returns:
        The claims. The caller enqueues messages for them. The list is empty if there is nothing to
        do or nothing may be sent.

    Raises:
        KeyError: no game of this name is configured.
    """
    config = game(provider)
    if not config.is_on or not _with_work([provider]):
        return []
    with transaction.atomic():
        budget, _ = RateBudget.objects.select_for_update().get_or_create(provider=provider)
        ((now, in_flight, openers, probes, fresh),) = fetch(
            statement("dispatch", "in_flight"),
            provider=provider,
            lease=dt.timedelta(seconds=settings.LEASE_SECONDS),
            moment=MOMENT,
        )
        if budget.is_paused(now):
            return []
        is_unlimited = budget.limit(config.rate) == UNLIMITED
        is_probe = budget.is_probing(now)
        permits = min(
            budget.permits(rate=config.rate, now=now, openers_out=openers),
            _most_in_flight(is_unlimited=is_unlimited) - in_flight,
        )
        if is_probe:
            permits = min(permits, 1 - probes)
        elif is_unlimited and fresh > settings.IN_FLIGHT_MAX // 2:
            # Enough new claims wait for workers. A dispatch and a message cost about the same with
            # one claim as with eight, so it is better to claim more a little later. Claims that
            # are older than a moment do not count: their workers may be dead, or the game is slow.
            return []
        if permits <= 0:
            return []
        return _claim(budget, permits=permits, is_probe=is_probe, now=now)


def _most_in_flight(*, is_unlimited: bool) -> int:
    """How many requests to a game may be in flight.

    A claim whose lease ends before its request begins is given back, but its permit is used. So in
    a game with a limit, a thread has few claims at once: all of them can begin even if each request
    takes several seconds.
    """
    if is_unlimited:
        return settings.IN_FLIGHT_MAX
    return min(settings.IN_FLIGHT_MAX, CLAIMS_WITH_LIMIT * threads_of_workers())


def for_messages(claims: list[Claim]) -> list[list[Claim]]:
    """Divide claims among as many messages as all workers have threads.

    A message costs more than a third of what the request itself costs, so a thread gets several
    claims with one message. The claims are dealt out in turn, so that the first ones come first in
    their messages.
    """
    number = min(len(claims), threads_of_workers())
    return [claims[place::number] for place in range(number)]


def seconds_until_due() -> float | None:
    """How long a dispatch will find nothing to do, unless work is added in the meantime.

    A confirmation counts as work only when it is due, and a code that is held back only when its
    wait is over.

    Returns:
        The time in seconds. 0 if there may be something to do now, or None if no game has work that
        a dispatch could begin.
    """
    waits = []
    for provider in _with_work(providers_on()):
        budget = RateBudget.objects.filter(provider=provider).first()
        if budget is None:
            return 0.0
        waits.append(budget.seconds_until_permit(rate=game(provider).rate, now=database_now()))
    return min((wait for wait in waits if wait is not None), default=None)


def _with_work(providers: list[str]) -> list[str]:
    """Those games that have work. This takes no lock, because most ticks find nothing to do."""
    rows = fetch(statement("dispatch", "with_work"), providers=providers)
    return [provider for (provider,) in rows]


def _claim(budget: RateBudget, *, permits: int, is_probe: bool, now: dt.datetime) -> list[Claim]:
    """Choose rows, lock their redemptions (by id), claim the rows, and use a permit for each."""
    chosen = _choose(budget.provider, permits=permits, now=now)
    if not chosen:
        return []
    redemption_ids = sorted({row.redemption_id for row in chosen})
    running = [
        row.pk
        for row in Redemption.objects.filter(pk__in=redemption_ids).for_update()
        if row.state == RunState.RUNNING and row.stop_requested_at is None
    ]
    claims = fetch(
        statement("dispatch", "claim"),
        ids=[row.member_redemption_id for row in chosen],
        running=running,
        is_probe=is_probe,
        permit_until=budget.roll_window(now),
        lease=dt.timedelta(seconds=settings.LEASE_SECONDS),
    )
    budget.consume(len(claims), now=now)
    budget.save(update_fields=["used", "others", "reserve", "permits_until", "window_ends_at"])
    _note_served(chosen, running, now=now)
    turn = {row.member_redemption_id: place for place, row in enumerate(chosen)}
    return sorted(map(Claim._make, claims), key=lambda claim: turn[claim.member_redemption_id])


def _choose(provider: str, *, permits: int, now: dt.datetime) -> list[_Chosen]:
    due = statement("dispatch", "due", holding=literals(HOLDING))
    rows = fetch(
        statement("dispatch", "choose", due=due, deadline=deadline("c")),
        provider=provider,
        now=now,
        permits=permits,
        runs=permits * RUNS_FOR_A_PERMIT,
        gap=dt.timedelta(seconds=PLAYER_GAP_SECONDS),
        long_gap=dt.timedelta(seconds=PLAYER_GAP_AFTER_REFUSAL_SECONDS),
        open_codes=list(OPEN_STATES),
    )
    return list(map(_Chosen._make, rows))


def _note_served(chosen: list[_Chosen], running: list[int], *, now: dt.datetime) -> None:
    """Put the served runs behind the others of their code, in the order of being served."""
    last = {
        row.redemption_id: place for place, row in enumerate(chosen) if row.redemption_id in running
    }
    execute(statement("dispatch", "served"), ids=list(last), places=list(last.values()), now=now)
