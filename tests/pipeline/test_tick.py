"""Ticks that have piled up cost almost nothing: only the first one looks for due work."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F

from giftcodes import tasks
from giftcodes.models import Heartbeat
from tests.pipeline.conftest import World, statements


def test_a_tick_that_comes_right_after_another_costs_one_statement(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "TICK_REST_SECONDS", 600.0)
    assert len(statements(tasks.tick)) > 1
    assert len(statements(tasks.tick)) == 1
    Heartbeat.objects.update(at=F("at") - timedelta(seconds=601))
    assert len(statements(tasks.tick)) > 1


@pytest.mark.django_db
def test_a_clock_that_was_set_back_does_not_stop_the_ticks() -> None:
    assert Heartbeat.beat("tick", rest_seconds=600)
    assert not Heartbeat.beat("tick", rest_seconds=600)
    Heartbeat.objects.update(at=F("at") + timedelta(hours=1))

    assert Heartbeat.beat("tick", rest_seconds=600)
    assert not Heartbeat.beat("tick", rest_seconds=600)
