"""Measures how long a refusal takes when callers in several processes start the same redemption."""

from __future__ import annotations

import time

import pytest

from benchmarks.conftest import report
from giftcodes.models import Trigger
from giftcodes.pipeline.fan_out import fan_out
from giftcodes.pipeline.start_or_refuse import StartKind, start
from tests.factories import gift_code, guild
from tests.lock.conftest import stampede

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 25


@pytest.mark.parametrize("row", ["made by the fan-out", "made by the callers"])
def bench_32_callers_at_once(row: str) -> None:
    refusals: list[float] = []
    for _ in range(ROUNDS):
        wolves, code = guild(members=100), gift_code()
        if row == "made by the fan-out":
            fan_out(code.pk)
        results = stampede(wolves, code, processes=4, callers=8)
        assert sorted(kind for kind, _ in results) == ["refused"] * 31 + ["started"]
        refusals += [took for kind, took in results if kind == "refused"]
    refusals.sort()
    report(
        f"32 callers of 4 processes, row {row}: median",
        refusals[len(refusals) // 2],
        limit=25,
        unit="ms",
    )
    report(
        f"32 callers of 4 processes, row {row}: p99",
        refusals[len(refusals) * 99 // 100],
        limit=25,
        unit="ms",
    )


def bench_a_single_refusal() -> None:
    wolves, code = guild(members=100), gift_code()
    start(guild_id=wolves.pk, gift_code_id=code.pk, trigger=Trigger.ADMIN)
    took: list[float] = []
    for _ in range(500):
        started_at = time.perf_counter()
        result = start(guild_id=wolves.pk, gift_code_id=code.pk, trigger=Trigger.ADMIN)
        took.append((time.perf_counter() - started_at) * 1_000)
        assert result.kind is StartKind.REFUSED
    took.sort()
    report(
        "A single refusal while the redemption runs: p99",
        took[len(took) * 99 // 100],
        limit=5,
        unit="ms",
    )
