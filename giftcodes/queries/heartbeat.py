"""The age of beat's tick, which shows whether beat and a worker run.

Beat ticks four times a second while there is work, and every four seconds otherwise.
"""

from __future__ import annotations

import datetime as dt

from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Max

from giftcodes.domain import failpoints
from giftcodes.models import Heartbeat, database_now

#: After this long without a tick, `status` and `pulse` say that beat has stopped, and a restore may
#: begin.
STALE_SECONDS = 10.0
#: After this long without a tick, /healthz returns 503 and the site raises an alarm.
SILENT_SECONDS = failpoints.seconds("BEAT_SILENT_SECONDS", 30.0)


def last_tick_at() -> dt.datetime | None:
    """The time when a worker last took a tick, or None if no worker ever did."""
    return Heartbeat.objects.filter(name="tick").values_list("at", flat=True).first()


def pulse_age_seconds(now: dt.datetime) -> float | None:
    """The age of the last tick by the database's clock, or None if there was no tick."""
    at = last_tick_at()
    return None if at is None else (now - at).total_seconds()


def is_beating(age_seconds: float | None) -> bool:
    """Whether beat and a worker run."""
    return age_seconds is not None and age_seconds < STALE_SECONDS


def silent_seconds() -> float:
    """The time since the last tick, or since the newest migration if there was no tick."""
    now = database_now()
    since = last_tick_at() or MigrationRecorder.Migration.objects.aggregate(at=Max("applied"))["at"]
    return (now - since).total_seconds() if since else 0.0
