"""`pulse`."""

from __future__ import annotations

from datetime import timedelta

import pytest

from giftcodes.models import Heartbeat, database_now
from tests.commands.conftest import run

pytestmark = pytest.mark.django_db


def test_a_recent_tick_means_healthy() -> None:
    Heartbeat.objects.create(name="tick")

    said = run("pulse")

    assert said.status == 0
    assert "s ago" in said.out


def test_an_old_tick_means_unhealthy() -> None:
    Heartbeat.objects.create(name="tick")
    Heartbeat.objects.update(at=database_now() - timedelta(minutes=5))

    said = run("pulse")

    assert said.status == 1
    assert "300 s ago" in said.err


def test_a_missing_tick_means_unhealthy_too() -> None:
    said = run("pulse")

    assert said.status == 1
    assert "has not run" in said.err
