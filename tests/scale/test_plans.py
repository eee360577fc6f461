"""Queries that run every second or for each page use an index, however many rows there are."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from giftcodes.admin.home.codes import recent_codes
from giftcodes.admin.home.guilds_in_need import guilds_in_need
from giftcodes.admin.home.need import Alarms
from giftcodes.admin.home.runs import ended
from giftcodes.models import (
    Attempt,
    Cursor,
    GiftCode,
    Member,
    MemberRedemption,
    Redemption,
    Trigger,
    database_now,
)
from giftcodes.models.failure_isolation import FailureIsolation
from giftcodes.pipeline import dispatch, figures, finish, prune, sweep
from giftcodes.pipeline.start_many import start_many
from giftcodes.queries.metrics import metrics
from giftcodes.queries.overview import overview
from tests.scale.conftest import plans_of

#: Two indexes that have the waiting rows of a redemption. The planner may use either.
WAITING = {"share_due", "share_open"}

pytestmark = [pytest.mark.usefixtures("crowd", "db")]


def test_dispatch_reads_only_the_runs_whose_turn_it_is() -> None:
    plans = plans_of(lambda: dispatch.dispatch("simulator"))

    assert plans.read_whole == set()
    assert {"redemption_running", "one_request_for_a_player_and_a_code"} <= plans.indexes
    assert plans.indexes & WAITING


def test_the_sweep_reads_only_what_is_new_and_what_was_left_behind() -> None:
    for name in ("duplicates", "sweep"):
        Cursor.objects.create(name=name)
    Cursor.objects.create(name="awake", at=database_now() - timedelta(hours=1))

    plans = plans_of(lambda: sweep.sweep(FailureIsolation("sweep")))

    assert plans.read_whole == set()
    assert {"share_in_flight", "share_asked_in_vain", "share_proofs"} <= plans.indexes


def test_the_metrics_read_only_indexes_and_kept_figures() -> None:
    figures.keep()

    plans = plans_of(metrics)

    assert plans.read_whole == set()
    assert {"attempt_answered", "share_in_flight", "share_unconfirmed"} <= plans.indexes
    assert plans.indexes & WAITING


def test_the_figures_of_a_minute_read_only_the_attempts_of_that_minute() -> None:
    figures.keep()
    Cursor.objects.update(at=database_now() - timedelta(minutes=3))

    plans = plans_of(figures.keep)

    assert plans.read_whole == set()
    assert "attempt_answered" in plans.indexes


def test_finish_reads_only_the_open_rows_of_one_run() -> None:
    run = Redemption.objects.running().latest("pk")

    plans = plans_of(lambda: finish.finish(run.pk))

    assert plans.read_whole == set()
    assert plans.indexes & WAITING


def test_a_hundred_starts_read_only_the_rows_of_a_hundred_redemptions() -> None:
    code = GiftCode.objects.latest("pk")
    waiting = (
        Redemption.objects.filter(gift_code=code).order_by("pk").values_list("pk", flat=True)[:100]
    )
    Redemption.objects.filter(pk__in=list(waiting)).update(state="pending")

    plans = plans_of(lambda: list(start_many(code.pk, trigger=Trigger.SWEEP)))

    assert plans.read_whole == set()
    assert "share_code_closed" in plans.indexes


def test_the_dashboard_counts_the_queue_from_an_index() -> None:
    plans = plans_of(lambda: overview(most_runs=8))

    assert plans.read_whole == set()
    assert plans.indexes & WAITING


def test_home_counts_only_the_members_of_runs_that_it_shows(admin_user: Any) -> None:
    Member.objects.filter(pk__in=list(Member.objects.values_list("pk", flat=True)[:20])).update(
        refused_realm=1042, refused_at=database_now()
    )

    plans = plans_of(
        lambda: (
            recent_codes(admin_user),
            ended(admin_user),
            *guilds_in_need(admin_user, Alarms(admin_user), []),
        )
    )

    assert plans.read_whole == set()
    assert {"redemption_ended", "member_refused"} <= plans.indexes


def test_prune_uses_an_index_to_find_attempts_that_prove_nothing() -> None:
    some = Attempt.objects.order_by("pk").values_list("pk", flat=True)[:50]
    ago = timedelta(days=100)
    Attempt.objects.filter(pk__in=list(some)).update(
        outcome="too_frequent", sent_at=F("sent_at") - ago, answered_at=F("answered_at") - ago
    )

    plans = plans_of(prune.prune)

    assert plans.read_whole == set()
    assert "attempt_prunable" in plans.indexes


def test_if_there_are_more_runs_than_permits_each_run_gets_its_turn(settings: Any) -> None:
    game = replace(settings.PROVIDERS["simulator"], rate=None)
    settings.PROVIDERS = {**settings.PROVIDERS, "simulator": game}
    code = GiftCode.objects.latest("pk")
    GiftCode.objects.filter(pk=code.pk).update(proven_at=F("first_seen_at"))
    served: list[int] = []
    for _ in range(3):
        claims = dispatch.dispatch("simulator")
        rows = MemberRedemption.objects.filter(
            pk__in=[claim.member_redemption_id for claim in claims]
        )
        served += rows.values_list("redemption_id", flat=True)
        rows.update(state="redeemed", settled_at=F("created_at"))

    assert len(served) == 3 * settings.IN_FLIGHT_MAX
    assert len(set(served)) == len(served)
