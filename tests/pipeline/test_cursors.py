"""Cursors of periodic steps, and the migration that moved them out of the heartbeat table."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

import pytest
from django.db import connection
from django.db.models import F

from giftcodes.models import Cursor, Heartbeat, database_now

pytestmark = pytest.mark.django_db
GAP = timedelta(minutes=5)


def test_a_move_says_whether_the_previous_move_was_recent() -> None:
    assert not Cursor.move_to_now("sweep", longest_gap=GAP)
    assert Cursor.move_to_now("sweep", longest_gap=GAP)
    Cursor.objects.update(at=F("at") - timedelta(minutes=6))
    assert not Cursor.move_to_now("sweep", longest_gap=GAP)
    assert Cursor.move_to_now("sweep", longest_gap=GAP)


def test_after_the_clock_was_set_back_the_next_move_counts_as_the_first() -> None:
    Cursor.move_to("sweep", database_now() + timedelta(days=1))
    assert not Cursor.move_to_now("sweep", longest_gap=GAP)
    assert Cursor.move_to_now("sweep", longest_gap=GAP)


def test_the_migration_moves_cursors_and_leaves_heartbeats() -> None:
    migration = import_module("giftcodes.migrations.0022_cursors")
    at = database_now() - timedelta(hours=1)
    cursors = {"twins", "alarms", "sweep", "awake"}
    for name in cursors | {"tick", "directory"}:
        Heartbeat.objects.create(name=name, at=at)

    with connection.cursor() as cursor:
        cursor.execute(migration._MOVE)

    assert set(Heartbeat.objects.values_list("name", flat=True)) == {"tick", "directory"}
    assert Cursor.position("duplicates") == at
    assert set(Cursor.objects.values_list("name", flat=True)) == {
        "duplicates",
        "alarms",
        "sweep",
        "awake",
    }

    with connection.cursor() as cursor:
        cursor.execute(migration._MOVE_BACK)

    assert not Cursor.objects.exists()
    moved_back = Heartbeat.objects.exclude(name__in=["tick", "directory"])
    assert dict(moved_back.values_list("name", "at")) == dict.fromkeys(cursors, at)
