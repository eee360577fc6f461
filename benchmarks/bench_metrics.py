"""Measures what /metrics costs with a million rows: a request, and counting its figures."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from benchmarks.conftest import report
from benchmarks.filling import fill
from giftcodes.models import Redemption, Trigger
from giftcodes.models.redemption import begin_runs
from giftcodes.pipeline import figures
from giftcodes.pipeline.fan_out import fan_out
from giftcodes.queries.metrics import metrics
from tests.factories import gift_code

pytestmark = pytest.mark.django_db(transaction=True)


def _median_ms(call: Callable[[], Any]) -> float:
    times = []
    for _ in range(15):
        began = time.perf_counter()
        call()
        times.append((time.perf_counter() - began) * 1000)
    return sorted(times)[len(times) // 2]


def bench_a_request_with_a_million_rows() -> None:
    fill()
    code = gift_code()
    fan_out(code.pk)
    waiting = list(Redemption.objects.filter(gift_code=code).values_list("pk", flat=True))
    begin_runs(waiting, trigger=Trigger.POLL, user_id=None)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    began = time.perf_counter()
    figures.keep()
    report(
        "Figures for /metrics for the first time, 1,000,000 attempts",
        time.perf_counter() - began,
        limit=30,
        unit="s",
    )

    report(
        "A request to /metrics, 1,000,000 rows and 100,000 that wait",
        _median_ms(metrics),
        limit=50,
        unit="ms",
    )
    report("Figures for /metrics, each minute", _median_ms(figures.keep), limit=500, unit="ms")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE giftcodes_memberredemption SET state = 'pending', settled_at = NULL"
            " WHERE covered_by_id IS NULL AND id % 10 < 9"
        )
        cursor.execute("VACUUM ANALYZE")
    figures.keep()
    report(
        "A request to /metrics, 1,000,000 rows that wait",
        _median_ms(metrics),
        limit=50,
        unit="ms",
    )
