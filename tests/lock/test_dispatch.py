"""One dispatch at a time decides about permits and claims, for all workers and hosts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from giftcodes.clients.games.config import Rate
from giftcodes.domain.transitions import State
from giftcodes.models import MemberRedemption, RateBudget, Redemption, Trigger, database_now
from giftcodes.pipeline.dispatch import CLAIMS_WITH_LIMIT, MOMENT, dispatch
from giftcodes.pipeline.start_or_refuse import start
from tests.factories import gift_code, guild
from tests.lock.conftest import Elsewhere

pytestmark = pytest.mark.django_db(transaction=True)

Elsewhere_ = Callable[[Callable[[], Any]], Elsewhere]


@pytest.fixture
def thirty_in_a_minute(settings: Any) -> None:
    here = replace(settings.PROVIDERS["simulator"], rate=Rate(30, 60))
    settings.PROVIDERS = {**settings.PROVIDERS, "simulator": here}
    settings.IN_FLIGHT_MAX = 100


def _run(members: int) -> Redemption:
    wolves, code = guild(members=members), gift_code(proven_at="2026-01-01T00:00:00Z")
    result = start(guild_id=wolves.pk, gift_code_id=code.pk, trigger=Trigger.POLL)
    return Redemption.objects.get(pk=result.redemption_id)


def _open_window(*, used: int) -> None:
    now = database_now()
    RateBudget.objects.update_or_create(
        provider="simulator",
        defaults={
            "used": used,
            "permits_until": now + timedelta(seconds=50),
            "window_ends_at": now + timedelta(seconds=51),
        },
    )


def test_a_second_dispatcher_waits_and_gives_no_permit_twice(
    thirty_in_a_minute: None, elsewhere: Elsewhere_
) -> None:
    run = _run(members=40)
    _open_window(used=0)
    with transaction.atomic():
        RateBudget.objects.select_for_update().get()
        both = [elsewhere(lambda: dispatch("simulator")) for _ in range(2)]
        assert all(one.is_waiting for one in both)
        # Both wait before they choose members, because they must choose while they hold the lock.
        Redemption.objects.select_for_update(nowait=True, no_key=True).get(pk=run.pk)

    assert sorted(len(one.wait()) for one in both) == [0, 30]
    assert MemberRedemption.objects.in_flight().count() == 30


def test_until_the_first_answer_of_a_window_arrives_only_one_request_is_in_flight(
    thirty_in_a_minute: None,
) -> None:
    _run(members=40)

    assert len(dispatch("simulator")) == 1
    assert dispatch("simulator") == []


def test_the_whole_window_is_used_at_once_and_no_more(thirty_in_a_minute: None) -> None:
    _run(members=40)
    _open_window(used=1)

    assert len(dispatch("simulator")) == 29
    assert dispatch("simulator") == []


def test_five_guilds_share_a_window(thirty_in_a_minute: None) -> None:
    runs = [_run(members=20) for _ in range(5)]
    _open_window(used=5)

    dispatch("simulator")

    assert [run.member_redemptions.in_flight().count() for run in runs] == [5, 5, 5, 5, 5]


def test_never_more_requests_are_in_flight_than_the_workers_can_hold(
    thirty_in_a_minute: None, settings: Any
) -> None:
    settings.IN_FLIGHT_MAX = 4
    _run(members=40)
    _open_window(used=0)

    assert len(dispatch("simulator")) == 4
    assert dispatch("simulator") == []


@pytest.fixture
def without_limit(settings: Any) -> None:
    here = replace(settings.PROVIDERS["simulator"], rate=None)
    settings.PROVIDERS = {**settings.PROVIDERS, "simulator": here}
    settings.IN_FLIGHT_MAX = 4


def _answer_one() -> None:
    row = MemberRedemption.objects.in_flight().first()
    assert row is not None
    MemberRedemption.objects.filter(pk=row.pk).update(state=State.REDEEMED, lease_until=None)


def test_no_more_is_claimed_while_more_than_half_is_in_flight(without_limit: None) -> None:
    _run(members=40)
    dispatch("simulator")

    _answer_one()
    assert dispatch("simulator") == []
    _answer_one()
    assert len(dispatch("simulator")) == 2


def test_claims_that_are_not_begun_do_not_hold_up_the_others(without_limit: None) -> None:
    """Their worker may be dead."""
    _run(members=40)
    dispatch("simulator")
    _answer_one()
    MemberRedemption.objects.in_flight().update(lease_until=F("lease_until") - MOMENT)

    assert len(dispatch("simulator")) == 1


def test_a_probe_does_not_wait_for_requests_in_flight(without_limit: None) -> None:
    _run(members=40)
    dispatch("simulator")
    _answer_one()
    RateBudget.objects.update(pause_kind="unknown", paused_until=database_now())

    assert len(dispatch("simulator")) == 1


def test_a_thread_has_few_claims_of_a_game_with_a_limit(
    thirty_in_a_minute: None, settings: Any
) -> None:
    settings.REDEEM_THREADS, settings.IN_FLIGHT_MAX = 2, 16
    _run(members=40)
    _open_window(used=0)

    assert len(dispatch("simulator")) == 2 * CLAIMS_WITH_LIMIT
    _answer_one()
    assert len(dispatch("simulator")) == 1


def test_a_code_that_ends_sooner_goes_first(thirty_in_a_minute: None) -> None:
    later, sooner = _run(members=20), _run(members=20)
    code = sooner.gift_code
    code.expires_at = database_now() + timedelta(hours=1)
    code.save(update_fields=["expires_at"])
    _open_window(used=20)

    dispatch("simulator")

    assert (
        sooner.member_redemptions.in_flight().count(),
        later.member_redemptions.in_flight().count(),
    ) == (10, 0)


def test_the_database_itself_refuses_a_second_request_for_a_player_and_a_code() -> None:
    wolves, bears, code = guild(), guild(), gift_code()
    for pack in (wolves, bears):
        pack.members.create(player_id="300000001")
        start(guild_id=pack.pk, gift_code_id=code.pk, trigger=Trigger.POLL)

    with pytest.raises(IntegrityError, match="one_request_for_a_player_and_a_code"):
        MemberRedemption.objects.update(state=State.IN_FLIGHT)
