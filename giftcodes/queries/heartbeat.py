"""Whether anybody works: beat's tick, which a worker takes four times a second."""

from __future__ import annotations

import datetime as dt

from giftcodes.models import Heartbeat

STALE_SECONDS = 10.0


def last_tick_at() -> dt.datetime | None:
    """When a worker last took a tick; None: never."""
    return Heartbeat.objects.filter(name="tick").values_list("at", flat=True).first()


def pulse_age_seconds(now: dt.datetime) -> float | None:
    """How long ago that was, by the database's clock."""
    at = last_tick_at()
    return None if at is None else (now - at).total_seconds()


def is_beating(age_seconds: float | None) -> bool:
    """Whether beat and a worker are there."""
    return age_seconds is not None and age_seconds < STALE_SECONDS
