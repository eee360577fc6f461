"""The lock under real concurrency: one run, and every other caller is refused and journalled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from giftcodes.models import Redemption, RedemptionEvent, RunState, Trigger
from giftcodes.models.participants import bring_in_members
from giftcodes.pipeline.finish import finish
from giftcodes.pipeline.start_or_refuse import StartKind, start
from tests.factories import gift_code, guild
from tests.lock.conftest import Elsewhere, stampede

pytestmark = pytest.mark.django_db(transaction=True)

Elsewhere_ = Callable[[Callable[[], Any]], Elsewhere]


@pytest.mark.slow
@pytest.mark.parametrize("callers", [8, 50])
def test_of_many_callers_at_the_same_moment_one_runs_and_all_others_are_refused_and_journalled(
    callers: int,
) -> None:
    wolves, code = guild(members=20), gift_code()

    answers = stampede(wolves, code, processes=4, callers=callers, lock_timeout_ms=100_000)
    results = Counter(kind for kind, _ in answers)

    assert results == {"started": 1, "refused": 4 * callers - 1}
    redemption = Redemption.objects.get(gift_code=code)
    assert (redemption.state, redemption.run_number) == (RunState.RUNNING, 1)
    assert redemption.member_redemptions.count() == 20
    assert redemption.events.filter(kind="locked").count() == 1
    assert redemption.events.filter(kind="refused", trigger="admin").count() == 4 * callers - 1


@pytest.mark.parametrize("trigger", [Trigger.POLL, Trigger.ADMIN, Trigger.COMMAND])
def test_during_a_run_every_further_caller_is_refused_and_journalled(trigger: Trigger) -> None:
    wolves, code = guild("Wolves", members=2), gift_code("FROST")
    first = start(guild_id=wolves.pk, gift_code_id=code.pk, trigger=Trigger.POLL)

    second = start(guild_id=wolves.pk, gift_code_id=code.pk, trigger=trigger)

    assert (first.kind, second.kind) == (StartKind.STARTED, StartKind.REFUSED)
    assert second.message == (
        "⚠️ Auto-redeem already in progress for guild Wolves with code FROST, skipping duplicate"
    )
    journal = RedemptionEvent.objects.order_by("id").values_list("kind", "trigger", "run_number")
    assert list(journal) == [("locked", "poll", 1), ("refused", trigger, 1)]


def test_housekeeping_is_not_refused_and_not_journalled() -> None:
    wolves, code = guild(members=2), gift_code()
    start(guild_id=wolves.pk, gift_code_id=code.pk, trigger=Trigger.POLL)

    assert (
        start(guild_id=wolves.pk, gift_code_id=code.pk, trigger=Trigger.SWEEP).kind
        is StartKind.NOTHING_TO_DO
    )
    assert RedemptionEvent.objects.filter(kind="refused").count() == 0


def test_other_guilds_and_other_codes_run_at_the_same_time() -> None:
    wolves, bears = guild(members=2), guild(members=2)
    frost, snow = gift_code(), gift_code()

    for pack in (wolves, bears):
        for code in (frost, snow):
            assert (
                start(guild_id=pack.pk, gift_code_id=code.pk, trigger=Trigger.POLL).kind
                is StartKind.STARTED
            )

    assert Redemption.objects.running().count() == 4


def test_a_start_while_its_row_is_being_changed_is_busy_and_not_refused(
    elsewhere: Elsewhere_,
) -> None:
    wolves, code = guild(members=2), gift_code()
    pk = Redemption.objects.ensure(guild_id=wolves.pk, gift_code_id=code.pk)
    with transaction.atomic():
        Redemption.objects.for_update().get(pk=pk)

        result = elsewhere(
            lambda: start(guild_id=wolves.pk, gift_code_id=code.pk, trigger=Trigger.ADMIN)
        ).wait()

    assert result.kind is StartKind.BUSY
    assert (
        start(guild_id=wolves.pk, gift_code_id=code.pk, trigger=Trigger.ADMIN).kind
        is StartKind.STARTED
    )


def test_start_refuses_to_hold_its_lock_inside_another_transaction() -> None:
    """Django's admin views are atomic: a lock taken in a view would last as long as the request."""
    wolves, code = guild(members=2), gift_code()

    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        start(guild_id=wolves.pk, gift_code_id=code.pk, trigger=Trigger.ADMIN)


def test_a_member_who_comes_late_is_not_lost_while_the_run_is_being_finished(
    elsewhere: Elsewhere_,
) -> None:
    wolves, code = guild(members=1), gift_code()
    result = start(guild_id=wolves.pk, gift_code_id=code.pk, trigger=Trigger.ADMIN)
    redemption = Redemption.objects.get(pk=result.redemption_id)
    redemption.member_redemptions.update(state="redeemed")
    with transaction.atomic():
        held = Redemption.objects.for_update().get(pk=redemption.pk)
        wolves.members.create(player_id="300000042")
        bring_in_members([held.pk], Trigger.CATCH_UP)

        finishing = elsewhere(lambda: finish(redemption.pk))
        assert finishing.is_waiting, "finish must take the row lock before it counts"

    assert finishing.wait() is False
    redemption.refresh_from_db()
    assert redemption.state == RunState.RUNNING


def test_two_finishes_unlock_once(elsewhere: Elsewhere_) -> None:
    wolves, code = guild(members=1), gift_code()
    result = start(guild_id=wolves.pk, gift_code_id=code.pk, trigger=Trigger.ADMIN)
    Redemption.objects.get().member_redemptions.update(state="redeemed")
    with transaction.atomic():
        Redemption.objects.for_update().get(pk=result.redemption_id)
        both = [elsewhere(lambda: finish(result.redemption_id)) for _ in range(2)]
        assert all(one.is_waiting for one in both)

    assert sorted(one.wait() for one in both) == [False, True]
    assert RedemptionEvent.objects.filter(kind="unlocked").count() == 1
