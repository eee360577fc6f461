"""Measures how long each step takes for a new code and 10,000 guilds of 100 members.

After the fan-out, the runs of all guilds are in progress.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from benchmarks.conftest import report
from benchmarks.filling import fill, measure
from giftcodes.admin.home import chart, dashboard
from giftcodes.estimates.queue_snapshot import read_outlooks
from giftcodes.models import (
    Attempt,
    GiftCode,
    MemberRedemption,
    RateBudget,
    Redemption,
    database_now,
)
from giftcodes.models.failure_isolation import FailureIsolation
from giftcodes.models.rate_budget import threads_of_workers
from giftcodes.notifications import alarms
from giftcodes.pipeline import catch_up, dispatch, finish, prune, sweep
from tests.factories import gift_code

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("quiet")]

GUILDS, MEMBERS = 10_000, 100

#: This runs the task as a worker does, but enqueues no messages for other workers.
_FAN_OUT = """
import django, logging, sys, time
django.setup()
logging.disable(logging.CRITICAL)
from giftcodes import tasks
started_at = time.monotonic()
def enqueue_on_commit(task, *args, **kwargs):
    global started_at
    if started_at and task is tasks.dispatch:
        print("first message of dispatch after", time.monotonic() - started_at)
        started_at = 0
tasks.enqueue_on_commit = enqueue_on_commit
tasks.fan_out(int(sys.argv[1]))
"""


@pytest.fixture
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def bench_a_million_members(admin_client: Client, settings: Any) -> None:
    fill(guilds=GUILDS, members=MEMBERS, codes=1)
    code = gift_code("NEWCODE")

    fan_out = measure("-c", _FAN_OUT, str(code.pk))

    assert MemberRedemption.objects.filter(gift_code=code).count() == GUILDS * MEMBERS
    assert Redemption.objects.running().filter(gift_code=code).count() == GUILDS
    first = float(fan_out.output.rpartition("after")[2])
    report(
        "Fan-out to 10,000 guilds, 1,000,000 members, all started",
        fan_out.seconds,
        limit=60,
        unit="s",
    )
    report("Peak memory of the fan-out's process", fan_out.peak_mb, limit=300, unit="MB")
    report("From the start of fan-out to the first message of dispatch", first, limit=1.5, unit="s")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")  # Autovacuum would do this within a minute.

    _dispatches(code, settings)
    _sweeps()
    over = Redemption.objects.running().latest("pk")
    _report("Finish's check of a run that is not over", lambda: finish.finish(over.pk), limit=5)
    MemberRedemption.objects.filter(redemption=over).update(
        state="redeemed", settled_at=timezone.now()
    )
    report("Finish of a run", _milliseconds(lambda: finish.finish(over.pk)), limit=20, unit="ms")
    _report(
        "One catch-up: finding missing members",
        lambda: catch_up.find_behind(),
        limit=10_000,
        times=2,
    )
    _report(
        "One catch-up: withdrawing members who left",
        lambda: catch_up.withdraw_leavers(FailureIsolation("catch-up")),
        limit=1_000,
    )
    _report("One evaluation of the alarms", alarms.evaluate, limit=500)
    _report("The estimates of all 10,000 runs", read_outlooks, limit=500)
    everybody = User.objects.get(is_superuser=True)
    _report("The dashboard's queries", lambda: dashboard.board(everybody), limit=500)
    _report("The chart's query", chart.chart, limit=500)
    _report("The dashboard, rendered", lambda: admin_client.get("/admin/"), limit=1_000)
    status = measure("manage.py", "status")
    report("`manage.py status`, with its start", status.seconds, limit=5, unit="s")


def bench_audit_and_prune_of_a_million_members() -> None:
    fill(guilds=GUILDS, members=MEMBERS, codes=1)
    audit = measure("manage.py", "audit", "--at-once")
    assert "1,000,000 member redemptions, 0 broken" in audit.output, audit.output
    report("An audit of 10,000 guilds with 1,000,000 members", audit.seconds, limit=60, unit="s")
    # Give every tenth member redemption an old attempt that the game answered with TOO FREQUENT.
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {Attempt._meta.db_table} (member_redemption_id, gift_code_id, player_id, "
            "realm, token, sent_at, answered_at, outcome) "
            "SELECT id, gift_code_id, player_id, 1042, 1000, now() - interval '91 days', "
            "now() - interval '91 days', 'too_frequent' "
            f"FROM {MemberRedemption._meta.db_table} WHERE id % 10 = 0"
        )
    took = _milliseconds(prune.prune) / 1_000
    report("Pruning 100,000 of 1,100,000 attempts", took, limit=60, unit="s")


def _dispatches(code: GiftCode, settings: Any) -> None:
    RateBudget.objects.get_or_create(provider="simulator")
    _report("One dispatch, the code unproven", _rolled_back(_dispatch(1)), limit=50, times=9)
    GiftCode.objects.filter(pk=code.pk).update(proven_at=timezone.now())
    _window(used=0)
    most = dispatch.CLAIMS_WITH_LIMIT * threads_of_workers()
    _report(
        "One dispatch in the middle of a window", _rolled_back(_dispatch(most)), limit=50, times=9
    )
    _window(used=30)
    _report("One dispatch with the window used up", _rolled_back(_dispatch(0)), limit=50, times=9)
    RateBudget.objects.update(used=0, window_ends_at=None, permits_until=None)
    kept = settings.PROVIDERS
    settings.PROVIDERS = {**kept, "simulator": replace(kept["simulator"], rate=None)}
    most = settings.IN_FLIGHT_MAX
    _report("One dispatch without a limit", _rolled_back(_dispatch(most)), limit=50, times=9)
    settings.PROVIDERS = kept


def _sweeps() -> None:
    def one_sweep() -> None:
        sweep.sweep(FailureIsolation("sweep"))

    report("The first sweep", _milliseconds(one_sweep), limit=2_000, unit="ms")
    _report("One sweep", one_sweep, limit=2_000)


def _window(*, used: int) -> None:
    now = database_now()
    RateBudget.objects.update(
        used=used,
        window_ends_at=now + timedelta(seconds=600),
        permits_until=now + timedelta(seconds=599),
    )


def _dispatch(claims: int) -> Callable[[], Any]:
    def one() -> None:
        assert len(dispatch.dispatch("simulator")) == claims

    return one


def _rolled_back(step: Callable[[], Any]) -> Callable[[], Any]:
    """Wrap the step in a transaction that is rolled back, so that each call finds the same rows."""

    def and_back() -> None:
        with transaction.atomic():
            step()
            transaction.set_rollback(True)

    return and_back


def _report(what: str, step: Callable[[], Any], *, limit: float, times: int = 5) -> None:
    """Call the step several times, and report the median and the longest time."""
    took = sorted(_milliseconds(step) for _ in range(times))
    report(f"{what}: median", took[len(took) // 2], limit=limit, unit="ms")
    report(f"{what}: worst of {times}", took[-1], limit=limit, unit="ms")


def _milliseconds(step: Callable[[], Any]) -> float:
    started_at = time.perf_counter()
    step()
    return (time.perf_counter() - started_at) * 1_000
