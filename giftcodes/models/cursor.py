"""Cursors, which record how far periodic steps have progressed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db import models

from giftcodes.models.clock import Clock
from giftcodes.sql import fetch


class Cursor(models.Model):
    """A moment that a periodic step keeps, such as how far it has come. No page shows it.

    For the announcements, each guild has a cursor: the moment when the guild last had its turn.
    """

    name = models.CharField(max_length=20, primary_key=True)
    at = models.DateTimeField(db_default=Clock())

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%H:%M:%S}"

    @classmethod
    def position(cls, name: str) -> dt.datetime | None:
        """The moment to which a cursor was moved last. None if it has never been moved."""
        return cls.objects.filter(name=name).values_list("at", flat=True).first()

    @classmethod
    def move_to(cls, name: str, at: dt.datetime) -> None:
        """Move a cursor to a moment."""
        cls.objects.update_or_create(name=name, defaults={"at": at})

    @classmethod
    def move_all_to_now(cls, names: Iterable[str]) -> None:
        """Move several cursors to this moment."""
        Cursor.objects.bulk_create(
            [Cursor(name=name, at=Clock()) for name in names],
            update_conflicts=True,
            unique_fields=["name"],
            update_fields=["at"],
        )

    @classmethod
    def move_to_now(cls, name: str, *, longest_gap: dt.timedelta) -> bool:
        """Move a cursor to this moment.

        Args:
            name: the cursor's name.
            longest_gap: the longest time between two moves while the system runs.

        Returns:
            Whether the previous move was at most `longest_gap` ago. If the cursor is in the future,
            the clock was set back, and this is false.
        """
        ((in_time,),) = fetch(
            """
            WITH before AS (SELECT at FROM giftcodes_cursor WHERE name = %(name)s)
            INSERT INTO giftcodes_cursor (name) VALUES (%(name)s)
            ON CONFLICT (name) DO UPDATE SET at = clock_timestamp()
            RETURNING EXISTS (
                SELECT FROM before
                WHERE at BETWEEN clock_timestamp() - %(gap)s AND clock_timestamp())
            """,
            name=name,
            gap=longest_gap,
        )
        return bool(in_time)
