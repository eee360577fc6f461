"""Measures the time and the memory that an audit of a million member redemptions needs."""

from __future__ import annotations

import pytest

from benchmarks.conftest import report
from benchmarks.filling import fill, measure

pytestmark = pytest.mark.django_db(transaction=True)


def bench_a_million_member_redemptions() -> None:
    fill()

    audit = measure("manage.py", "audit", "--at-once")

    assert "1,000,000 member redemptions, 0 broken" in audit.output, audit.output
    report("An audit of 1,000,000 member redemptions", audit.seconds, limit=60, unit="s")
    report(
        "Peak memory of an audit of 1,000,000 member redemptions",
        audit.peak_mb,
        limit=200,
        unit="MB",
    )
