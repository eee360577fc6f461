"""A directory of players: its pace, one row for each game, and whom it is asked for, one row for each player."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from django.db import connection, models
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from giftcodes.models.clock import Clock
from giftcodes.models.fields import provider_choices

if TYPE_CHECKING:
    from collections.abc import Collection

    from giftcodes.clients.games.config import Rate

#: A player who needs correction is asked for again at the earliest so long after the last time.
WANTED_AGAIN_AFTER = dt.timedelta(hours=1)

#: A member whom the directory may be asked for: of `m`, in guild `g`.
AGREED = "g.active AND m.active AND NOT m.opted_out AND m.consented_on IS NOT NULL"

_ENROL = f"""
INSERT INTO giftcodes_directorylookup (provider, player_id)
SELECT DISTINCT g.provider, m.player_id
FROM giftcodes_member m
JOIN giftcodes_guild g ON g.id = m.guild_id AND g.provider = %(provider)s
WHERE {AGREED} AND NOT EXISTS (
    SELECT FROM giftcodes_directorylookup l WHERE l.provider = g.provider AND l.player_id = m.player_id)
ORDER BY 2
ON CONFLICT (provider, player_id) DO NOTHING
"""  # noqa: S608 - constants of this module

_FORGET = f"""
DELETE FROM giftcodes_directorylookup l
WHERE NOT EXISTS (
    SELECT FROM giftcodes_member m
    JOIN giftcodes_guild g ON g.id = m.guild_id AND g.provider = l.provider
    WHERE m.player_id = l.player_id AND {AGREED})
"""  # noqa: S608 - constants of this module

# Rows that are held just now are left alone: a run never waits for this.
_WANT = f"""
WITH wrong AS MATERIALIZED (
    SELECT DISTINCT g.provider, m.player_id
    FROM giftcodes_memberredemption x
    JOIN giftcodes_member m ON m.id = x.member_id
    JOIN giftcodes_guild g ON g.id = m.guild_id AND g.provider = ANY(%(providers)s)
    WHERE x.state = 'needs_correction' AND x.token > 0 AND x.covered_by_id IS NULL
      AND x.asked_realm = coalesce(m.realm, g.realm) AND {AGREED}
      AND (%(guild)s::bigint IS NULL OR g.id = %(guild)s)
), made AS (
    INSERT INTO giftcodes_directorylookup (provider, player_id, urgent)
    SELECT provider, player_id, true FROM wrong
    WHERE NOT EXISTS (
        SELECT FROM giftcodes_directorylookup l
        WHERE l.provider = wrong.provider AND l.player_id = wrong.player_id)
    ORDER BY provider, player_id
    ON CONFLICT (provider, player_id) DO NOTHING
), known AS MATERIALIZED (
    SELECT l.id
    FROM giftcodes_directorylookup l
    JOIN wrong ON wrong.provider = l.provider AND wrong.player_id = l.player_id
    WHERE NOT l.urgent AND (l.asked_at IS NULL OR l.asked_at < clock_timestamp() - %(again)s)
    FOR UPDATE OF l SKIP LOCKED
)
UPDATE giftcodes_directorylookup l SET urgent = true, due_at = clock_timestamp() FROM known WHERE l.id = known.id
"""  # noqa: S608 - constants of this module

_NEXT = f"""
SELECT l.id, l.player_id
FROM giftcodes_directorylookup l
WHERE l.provider = %(provider)s AND l.due_at <= clock_timestamp() AND EXISTS (
    SELECT FROM giftcodes_member m
    JOIN giftcodes_guild g ON g.id = m.guild_id AND g.provider = l.provider
    WHERE m.player_id = l.player_id AND {AGREED})
ORDER BY l.urgent DESC, l.due_at
LIMIT 1
FOR UPDATE OF l SKIP LOCKED
"""  # noqa: S608 - constants of this module


class Directory(models.Model):
    """How a game's directory does, and what may still be asked of it. Read and written under its row lock."""

    provider = models.CharField(
        _("game"), max_length=20, choices=provider_choices, primary_key=True
    )
    #: For each request of the last window: the last moment at which it can have reached the directory, in unix seconds.
    sent = models.JSONField(default=list, blank=True)
    day = models.DateField(_("day"), null=True)
    used_today = models.PositiveIntegerField(_("requests on this day (UTC)"), default=0)
    not_before = models.DateTimeField(_("rests until"), null=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    error = models.TextField(_("last error"), blank=True)
    key_refused = models.BooleanField(_("key refused"), default=False)
    asked_at = models.DateTimeField(_("last request"), null=True)
    answered_at = models.DateTimeField(_("last good answer"), null=True)
    token = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("directory of players")
        verbose_name_plural = _("directories of players")

    def __str__(self) -> str:
        return f"directory of {self.provider}"

    def may_ask_at(
        self, *, rate: Rate | None, per_day: int, now: dt.datetime
    ) -> dt.datetime | None:
        """When the next request may be sent; None: now.

        Args:
            rate: the configured rate; None: unlimited.
            per_day: requests on a day in UTC.
            now: the database's time.
        """
        moments = [
            moment for moment in (self.not_before, self.lease_until) if moment and moment > now
        ]
        today = now.astimezone(dt.UTC).date()
        if self.day == today and self.used_today >= per_day:
            moments.append(dt.datetime.combine(today + dt.timedelta(days=1), dt.time(), dt.UTC))
        if rate:
            in_window = self._in_window(rate.seconds, now)
            if len(in_window) >= rate.requests:
                moments.append(
                    dt.datetime.fromtimestamp(in_window[-rate.requests] + rate.seconds, dt.UTC)
                )
        return max(moments, default=None)

    def _in_window(self, seconds: float, now: dt.datetime) -> list[float]:
        return sorted(at for at in self.sent if at > now.timestamp() - seconds)

    def take(self, *, rate: Rate | None, lease: dt.timedelta, now: dt.datetime) -> None:
        """Count a request that is sent now, and claim the directory for it. Nobody holds a claim."""
        today = now.astimezone(dt.UTC).date()
        self.day, self.used_today = today, self.used_today + 1 if self.day == today else 1
        self.asked_at, self.lease_until, self.token = now, now + lease, self.token + 1
        before = self._in_window(rate.seconds, now) if rate else []
        self.sent = [*before, self.lease_until.timestamp()]

    def give_back(self, *, now: dt.datetime) -> None:
        """The request of the current claim is over: it reached the directory before now, if it did."""
        self.sent = [*sorted(self.sent)[:-1], now.timestamp()]
        self.lease_until = None


class DirectoryLookupQuerySet(models.QuerySet["DirectoryLookup"]):
    def enrol(self, provider: str) -> None:
        """Have a row for each player of a game who has agreed, due now where it is new."""
        with connection.cursor() as cursor:
            cursor.execute(_ENROL, {"provider": provider})

    def forget(self) -> int:
        """Delete the rows of players who do not agree any more, also of a game whose directory is off.

        Returns:
            How many there were.
        """
        with connection.cursor() as cursor:
            cursor.execute(_FORGET)
            return int(cursor.rowcount)

    def want(self, providers: Collection[str], *, guild_id: int | None = None) -> int:
        """Mark as due now, and before all others, those who have agreed and whom the game refused for their realm.

        Rows that another process holds are left out: a run does not wait for this.

        Args:
            providers: games that have a directory.
            guild_id: members of this guild only.

        Returns:
            How many rows that were there were marked.
        """
        if not providers:
            return 0
        with connection.cursor() as cursor:
            parameters = {
                "providers": list(providers),
                "guild": guild_id,
                "again": WANTED_AGAIN_AFTER,
            }
            cursor.execute(_WANT, parameters)  # type: ignore[arg-type]
            return int(cursor.rowcount)

    def take_next(self, provider: str) -> tuple[int, str] | None:
        """Lock whose turn it is. Returns id and player ID; None: nobody is due who has agreed."""
        with connection.cursor() as cursor:
            cursor.execute(_NEXT, {"provider": provider})
            found: tuple[int, str] | None = cursor.fetchone()
        return found


class DirectoryLookup(models.Model):
    """A player who has agreed: when the directory is asked next, and what it said last."""

    class Said(models.TextChoices):
        NOTHING = "", _("not asked yet")
        FOUND = "found", _("found")
        NOT_FOUND = "not_found", _("not known there")

    provider = models.CharField(_("game"), max_length=20, choices=provider_choices)
    player_id = models.CharField(_("player ID"), max_length=20)
    due_at = models.DateTimeField(_("next request"), db_default=Clock())
    urgent = models.BooleanField(_("needs correction"), default=False, db_default=False)
    asked_at = models.DateTimeField(_("last request"), null=True)
    answered_at = models.DateTimeField(_("last good answer"), null=True)
    failures = models.PositiveSmallIntegerField(_("failures in a row"), default=0, db_default=0)
    said = models.CharField(
        _("answer"), max_length=10, choices=Said, blank=True, default="", db_default=""
    )
    name = models.CharField(_("name"), max_length=80, blank=True, default="", db_default="")
    realm = models.PositiveIntegerField(_("realm"), null=True)
    #: The first of the answers in a row that name this realm.
    realm_since = models.DateTimeField(_("realm named since"), null=True)

    objects = DirectoryLookupQuerySet.as_manager()

    class Meta:
        verbose_name = _("lookup in a directory")
        verbose_name_plural = _("lookups in directories")
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "player_id"], name="one_lookup_for_a_player"
            )
        ]
        indexes = [models.Index(F("provider"), F("urgent").desc(), F("due_at"), name="lookup_due")]

    def __str__(self) -> str:
        return f"lookup of {self.player_id}"
