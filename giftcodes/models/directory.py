"""Directories of players: a row for each game with its pace, and one for each player who agreed."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from giftcodes.models.clock import Clock
from giftcodes.models.fields import NameField, SentenceField, provider_choices
from giftcodes.models.game_words import title_of
from giftcodes.models.games import games
from giftcodes.sql import execute, fetch, statement

if TYPE_CHECKING:
    from collections.abc import Collection

    from giftcodes.clients.games.config import Rate

#: A player who needs correction is looked up again no sooner than this after the last request.
WANTED_AGAIN_AFTER = dt.timedelta(hours=1)

#: An SQL condition for members who may be looked up in the directory. `m` is the member, and `g` is
#: the guild.
AGREED = "g.active AND m.active AND NOT m.opted_out AND m.consented_on IS NOT NULL"


def providers_with_directory() -> list[str]:
    """The names of the games whose players can be looked up in a directory."""
    return [config.name for config in games().values() if config.has_directory]


class Directory(models.Model):
    """The state and the pace of a game's directory. It is used only under its row lock."""

    provider = models.CharField(
        _("game"), max_length=20, choices=provider_choices, primary_key=True
    )
    #: For each request of the last window, the latest moment at which it can have reached the
    #: directory, in Unix seconds.
    sent = models.JSONField(default=list, blank=True)
    day = models.DateField(_("day"), null=True)
    used_today = models.PositiveIntegerField(_("requests on this day (UTC)"), default=0)
    not_before = models.DateTimeField(_("rests until"), null=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    error = SentenceField(_("last error"), blank=True)
    key_refused = models.BooleanField(_("key refused"), default=False)
    asked_at = models.DateTimeField(_("last request"), null=True)
    answered_at = models.DateTimeField(_("last good answer"), null=True)
    token = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("directory of players")
        verbose_name_plural = _("directories of players")

    def __str__(self) -> str:
        return gettext("Directory of %s") % title_of(self.provider)

    def may_ask_at(
        self, *, rate: Rate | None, per_day: int, now: dt.datetime
    ) -> dt.datetime | None:
        """The moment at which the next request may be sent. None if it may be sent now.

        Args:
            rate: the configured rate. None if it is unlimited.
            per_day: how many requests are allowed on a day in UTC.
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
        """Count a request that is sent now, and claim the directory. It must not be claimed yet."""
        today = now.astimezone(dt.UTC).date()
        self.day, self.used_today = today, self.used_today + 1 if self.day == today else 1
        self.asked_at, self.lease_until, self.token = now, now + lease, self.token + 1
        before = self._in_window(rate.seconds, now) if rate else []
        self.sent = [*before, self.lease_until.timestamp()]

    def give_back(self, *, now: dt.datetime) -> None:
        """End the current claim. Its request has reached the directory by now, or never will."""
        self.sent = [*sorted(self.sent)[:-1], now.timestamp()]
        self.lease_until = None


class DirectoryLookupQuerySet(models.QuerySet["DirectoryLookup"]):
    def enrol(self, provider: str) -> None:
        """Insert a row, due now, for each player of a game who has agreed and has no row yet."""
        execute(statement("directory", "enrol", agreed=AGREED), provider=provider)

    def forget(self) -> int:
        """Delete the rows of players who no longer agree, even if the directory is off.

        Returns:
            The number of deleted rows.
        """
        return execute(statement("directory", "forget", agreed=AGREED))

    def want(self, providers: Collection[str], *, guild_id: int | None = None) -> int:
        """Make players due now, and urgent, if the game does not know them in their realm.

        Urgent players come first. This changes only players who have agreed. Rows that another
        transaction holds are left out, so that a run does not wait for them.

        Args:
            providers: the games that have a directory.
            guild_id: look only at members of this guild. None for all guilds.

        Returns:
            The number of existing rows that were changed.
        """
        if not providers:
            return 0
        return execute(
            statement("directory", "want", agreed=AGREED),
            providers=list(providers),
            guild=guild_id,
            again=WANTED_AGAIN_AFTER,
        )

    def take_next(self, provider: str) -> tuple[int, str] | None:
        """Lock the row that is due next.

        Returns:
            The row's id and its player ID. None if no player who has agreed is due.
        """
        rows = fetch(statement("directory", "next", agreed=AGREED), provider=provider)
        return rows[0] if rows else None


class DirectoryLookup(models.Model):
    """A player who has agreed, with the next request to the directory and its last answer."""

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
    name = NameField(_("name"), max_length=80, blank=True, default="", db_default="")
    realm = models.PositiveIntegerField(_("state or kingdom"), null=True)
    #: When the directory first named this realm. Each answer since then has named it, too.
    realm_since = models.DateTimeField(_("state or kingdom named since"), null=True)

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
