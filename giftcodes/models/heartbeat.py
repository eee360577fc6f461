"""Heartbeats of periodic tasks."""

from __future__ import annotations

from django.db import models

from giftcodes.models.clock import Clock
from giftcodes.sql import execute


class Heartbeat(models.Model):
    """When the periodic task of this name last ran. /healthz and `pulse` read the row "tick"."""

    name = models.CharField(max_length=20, primary_key=True)
    at = models.DateTimeField(db_default=Clock())

    def __str__(self) -> str:
        return self.name

    @classmethod
    def beat(cls, name: str, *, rest_seconds: float = 0.0) -> bool:
        """Note that a periodic task runs now, unless it ran less than `rest_seconds` ago.

        Args:
            name: the task's name.
            rest_seconds: the shortest time between two runs, in seconds.

        Returns:
            Whether the task should run. If many messages have piled up, this is true only for the
            first one, and the others end at once.
        """
        changed = execute(
            """
            INSERT INTO giftcodes_heartbeat (name) VALUES (%(name)s)
            ON CONFLICT (name) DO UPDATE SET at = clock_timestamp()
            WHERE giftcodes_heartbeat.at <= clock_timestamp() - make_interval(secs => %(rest)s)
               OR giftcodes_heartbeat.at > clock_timestamp()  -- The clock was set back.
            """,
            name=name,
            rest=rest_seconds,
        )
        return bool(changed)
