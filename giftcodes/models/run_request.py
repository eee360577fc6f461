"""Runs that a person requested, and that a worker has not started yet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q

from giftcodes.models.clock import database_now
from giftcodes.models.code import GiftCode
from giftcodes.models.guild import Guild
from giftcodes.sql import fetch

#: A claim that is older than this belongs to a worker that is gone.
CLAIM = dt.timedelta(seconds=60)

_INSERT = """
INSERT INTO giftcodes_runrequest (guild_id, gift_code_id, user_id)
SELECT pair.guild_id, pair.gift_code_id, %(user)s
FROM unnest(%(guilds)s::bigint[], %(codes)s::bigint[])
    WITH ORDINALITY AS pair(guild_id, gift_code_id, place)
ORDER BY pair.place
ON CONFLICT (guild_id, gift_code_id) DO NOTHING
RETURNING guild_id, gift_code_id
"""


class RunRequestQuerySet(models.QuerySet["RunRequest"]):
    def add(self, pairs: Iterable[tuple[int, int]], *, user_id: int | None) -> set[tuple[int, int]]:
        """Insert a request for each guild and code, unless there is one already.

        Args:
            pairs: the guild id and the code id of each run.
            user_id: the person who requests the runs.

        Returns:
            The pairs that were inserted.
        """
        wanted = list(pairs)
        inserted = fetch(
            _INSERT,
            user=user_id,
            guilds=[guild_id for guild_id, _code_id in wanted],
            codes=[code_id for _guild_id, code_id in wanted],
        )
        return {(guild_id, code_id) for guild_id, code_id in inserted}

    def free(self) -> RunRequestQuerySet:
        """The requests that no worker handles."""
        return self.filter(Q(claimed_at__isnull=True) | Q(claimed_at__lt=database_now() - CLAIM))

    @transaction.atomic
    def claim(self, most: int) -> list[RunRequest]:
        """Claim the oldest requests for one worker.

        Args:
            most: the maximum number of requests.
        """
        locked = self.free().select_for_update(skip_locked=True).order_by("pk")[:most]
        ids = list(locked.values_list("pk", flat=True))
        self.filter(pk__in=ids).update(claimed_at=database_now())
        return list(self.filter(pk__in=ids).order_by("pk"))


class RunRequest(models.Model):
    """A run that a person requested, for a guild and a code.

    The row is deleted as soon as the run has been started or refused.
    """

    guild = models.ForeignKey(Guild, on_delete=models.CASCADE, related_name="+")
    gift_code = models.ForeignKey(GiftCode, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    claimed_at = models.DateTimeField(null=True)

    objects = RunRequestQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["guild", "gift_code"], name="one_request_for_a_guild_and_a_code"
            )
        ]

    def __str__(self) -> str:
        return f"guild {self.guild_id} with code {self.gift_code_id}"
