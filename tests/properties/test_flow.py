"""In every order of events: one run, one request and one grant at a time, and no member forgotten.

`PROPERTY_EXAMPLES=500` (`make properties`) runs that many random examples. Without it, the same 30
short examples run each time.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.machine import Flow

LONG = int(os.environ.get("PROPERTY_EXAMPLES", "0"))


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("silence")
def test_the_rules_hold_whatever_happens_in_whatever_order() -> None:
    run_state_machine_as_test(
        Flow,
        settings=settings(
            max_examples=LONG or 30,
            stateful_step_count=50 if LONG else 30,
            deadline=None,
            derandomize=not LONG,
            database=None,
            print_blob=True,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        ),
    )
