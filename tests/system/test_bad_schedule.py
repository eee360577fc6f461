"""A real beat ticks although some rows of its schedule cannot be read or used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.system.machinery import CELERY, System, system
from tests.waiting import wait_for

pytestmark = pytest.mark.system

_TICKED = "SELECT count(*) FROM giftcodes_heartbeat WHERE name = 'tick'"
_ROWS = """
ALTER TABLE django_celery_beat_periodictask DROP CONSTRAINT redeemer_expires_within_bounds;
UPDATE django_celery_beat_periodictask
SET expires = '10000-01-01 04:59+00' WHERE task LIKE '%catch_up';
INSERT INTO django_celery_beat_intervalschedule (every, period) VALUES (2147483647, 'days');
UPDATE django_celery_beat_periodictask
SET interval_id = (SELECT id FROM django_celery_beat_intervalschedule WHERE every = 2147483647)
WHERE task LIKE '%prune';
"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[System]:
    with system(tmp_path) as running:
        yield running


def test_beat_ticks_despite_rows_that_it_cannot_use_and_an_alarm_names_them(
    running: System,
) -> None:
    with psycopg.connect(running.environment["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(_ROWS)
    running.start_worker("control", 2)
    running.launch("beat", [*CELERY, "beat", "--loglevel", "INFO"])

    wait_for(lambda: running.rows(_TICKED) == [(1,)], "a tick")

    assert running.processes["beat"].poll() is None
    alarms = running.rows(
        "SELECT subject FROM giftcodes_alarm WHERE kind = 'bad_row' AND cleared_at IS NULL"
    )
    assert len(alarms) == 1
    assert alarms[0][0].startswith("beat: ")
    assert "Traceback" not in running.log("beat")
