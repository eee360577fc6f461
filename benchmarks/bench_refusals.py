"""How long a refused duplicate waits, where many callers in several processes start one redemption at once."""

from __future__ import annotations

import time

import pytest

from benchmarks.conftest import report
from giftcodes.flow.start import StartKind, start
from giftcodes.models import Trigger
from tests.factories import gift_code, guild
from tests.lock.conftest import stampede

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 25


def bench_32_callers_at_once() -> None:
    refusals: list[float] = []
    for _ in range(ROUNDS):
        results = stampede(guild(members=100), gift_code(), processes=4, callers=8)
        assert sorted(kind for kind, _ in results) == ["refused"] * 31 + ["started"]
        refusals += [took for kind, took in results if kind == "refused"]
    refusals.sort()
    report("32 callers of 4 processes start a run: refused, median", refusals[len(refusals) // 2], limit=50, unit="ms")
    report(
        "32 callers of 4 processes start a run: refused, p99", refusals[len(refusals) * 99 // 100], limit=50, unit="ms"
    )


def bench_a_single_refusal() -> None:
    wolves, code = guild(members=100), gift_code()
    start(guild_id=wolves.pk, gift_code_id=code.pk, trigger=Trigger.ADMIN)
    took: list[float] = []
    for _ in range(500):
        begun = time.perf_counter()
        result = start(guild_id=wolves.pk, gift_code_id=code.pk, trigger=Trigger.ADMIN)
        took.append((time.perf_counter() - begun) * 1_000)
        assert result.kind is StartKind.REFUSED
    took.sort()
    report("A single refusal while it runs: p99", took[len(took) * 99 // 100], limit=5, unit="ms")
