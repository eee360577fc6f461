"""Guilds, their members, the codes, and the feeds that codes come from. Nothing with a history is ever deleted."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.expressions import RawSQL
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.text import isolated, visible
from giftcodes.domain.validators import (
    validate_day,
    validate_moment,
    validate_one_line,
    validate_player_id,
)
from giftcodes.models.code_life import LIFE_FIELDS, CodeLife, CodeState
from giftcodes.models.date_bounds import DAYS, MOMENTS, within
from giftcodes.models.deadline import deadline
from giftcodes.models.fields import NameField, NotesField, TokenField
from giftcodes.models.history import MemberVersion, Versions

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Begins the names that erased players have. No player ID is written so: nobody is asked for by one.
ERASED = "erased-"


def provider_choices() -> list[tuple[str, str]]:
    """The games, from the settings. A callable, so that a new game needs no migration."""
    return [(config.name, config.title) for config in settings.PROVIDERS.values()]


class GuildQuerySet(models.QuerySet["Guild"]):
    def active(self) -> GuildQuerySet:
        return self.filter(active=True)

    def automatic(self) -> GuildQuerySet:
        return self.active().filter(automatic=True)


class Guild(models.Model):
    """An alliance: its game, its members, and whether new codes are redeemed by themselves."""

    name = NameField(_("name"), max_length=80, unique=True, validators=[validate_one_line])
    provider = models.CharField(_("game"), max_length=20, choices=provider_choices)
    realm = models.PositiveIntegerField(
        _("realm"), help_text=_("The state or kingdom number. Members may have one of their own.")
    )
    active = models.BooleanField(_("active"), default=True)
    automatic = models.BooleanField(
        _("automatic redeeming"),
        default=True,
        help_text=_("Redeem each new code without being asked."),
    )
    priority = models.SmallIntegerField(
        _("priority"), default=0, help_text=_("Higher goes first where codes end at the same time.")
    )
    officers = models.ManyToManyField(
        settings.AUTH_USER_MODEL, verbose_name=_("officers"), blank=True, related_name="guilds"
    )
    notes = NotesField(_("notes"), blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = GuildQuerySet.as_manager()
    history = Versions(excluded_fields=["created_at"], m2m_fields=["officers"])

    class Meta:
        ordering = ["name"]
        verbose_name = _("guild")
        verbose_name_plural = _("guilds")
        #: Without it a person sees the guilds that name them as an officer (admin/scope.py).
        permissions = [("view_every_guild", _("Can view every guild, and the machine"))]

    def __str__(self) -> str:
        return isolated(self.name)


class MemberQuerySet(models.QuerySet["Member"]):
    def eligible(self) -> MemberQuerySet:
        """Those for whom the game may be asked."""
        return self.filter(active=True, opted_out=False)


def member_words(nickname: str, player_id: str) -> str:
    """A member, as logs and pages show one."""
    return f"{isolated(visible(nickname))} ({player_id})" if nickname else player_id


def code_words(code: str, issue: int) -> str:
    """A gift code, as logs and pages show one."""
    code = visible(code)
    return code if issue == 1 else f"{code} (issue {issue})"


def own_realm(guild: Guild, realm: int | None) -> int | None:
    """The realm as a member has it: none where it is the guild's."""
    return None if realm == guild.realm else realm


class Member(models.Model):
    """A player ID in a guild."""

    guild = models.ForeignKey(
        Guild, on_delete=models.PROTECT, related_name="members", verbose_name=_("guild")
    )
    player_id = TokenField(_("player ID"), max_length=20, validators=[validate_player_id])
    nickname = NameField(_("nickname"), max_length=80, blank=True, validators=[validate_one_line])
    realm = models.PositiveIntegerField(
        _("realm"), null=True, blank=True, help_text=_("Only where it differs from the guild's.")
    )
    active = models.BooleanField(_("active"), default=True)
    opted_out = models.BooleanField(_("opted out"), default=False, editable=False)
    consented_on = models.DateField(
        _("consented on"), null=True, blank=True, validators=[validate_day]
    )
    notes = NotesField(_("notes"), blank=True, default="", db_default="")
    joined_at = models.DateTimeField(_("joined"), default=timezone.now, editable=False)
    #: The realm with which the game last did not know this player, and when: nothing is asked with it for a week.
    refused_realm = models.PositiveIntegerField(null=True, editable=False)
    refused_at = models.DateTimeField(null=True, editable=False)

    objects = MemberQuerySet.as_manager()
    history = Versions(
        excluded_fields=["joined_at", "refused_realm", "refused_at"], bases=[MemberVersion]
    )

    class Meta:
        ordering = ["guild", "nickname", "player_id"]
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [
            models.UniqueConstraint(
                fields=["guild", "player_id"], name="one_member_for_each_player_of_a_guild"
            ),
            within(DAYS, "consented_on", name="consent_within_bounds"),
        ]
        indexes = [models.Index(fields=["player_id"], name="member_player")]

    def __str__(self) -> str:
        return member_words(self.nickname, self.player_id)

    def clean(self) -> None:
        """A player who opted out is not added again.

        Raises:
            ValidationError: this is one.
        """
        from giftcodes.models.delivery import OptOut, player_hash

        if self.pk is None and self.guild_id and self.player_id:
            unwilling = OptOut.objects.filter(
                player_hash=player_hash(self.guild.provider, self.player_id)
            )
            if unwilling.exists():
                words = _(
                    "This player has opted out, and is not redeemed for. Only at the player's wish: opt_out --undo."
                )
                raise ValidationError({"player_id": words}, code="opted_out")


class Source(models.TextChoices):
    FEED = "feed", _("feed")
    ADMIN = "admin", _("admin")
    COMMAND = "command", _("command line")


class GiftCodeQuerySet(models.QuerySet["GiftCode"]):
    def active(self) -> GiftCodeQuerySet:
        return self.filter(state=CodeState.ACTIVE)

    def latest_issues(self, provider: str, folded: Iterable[str]) -> dict[str, GiftCode]:
        """The newest issue of each of these codes, by folded code."""
        rows = self.filter(provider=provider, folded__in=list(folded)).order_by("folded", "issue")
        return {row.folded: row for row in rows}

    def release(self) -> int:
        """End the wait of codes that unclear answers hold back: a person has looked. Returns how many there were."""
        return self.filter(held_until__isnull=False).update(
            odd_answers=0, odd_players=[], odd_since=None, held_until=None
        )

    def in_order(self) -> GiftCodeQuerySet:
        """Soonest end first; a code without a known end is taken to last a week."""
        end = RawSQL(deadline(self.model._meta.db_table), (), output_field=models.DateTimeField())  # noqa: S611
        return self.order_by(end, "id")


class GiftCode(CodeLife):
    """A code of a game: kept as published, compared without case, one row for each issue."""

    provider = models.CharField(_("game"), max_length=20, choices=provider_choices)
    folded = models.CharField(max_length=32, editable=False)
    issue = models.PositiveIntegerField(_("issue"), default=1, editable=False)
    source = models.CharField(
        _("source"), max_length=10, choices=Source, default=Source.ADMIN, editable=False
    )
    published_on = models.DateField(
        _("published"), null=True, blank=True, validators=[validate_day]
    )
    expires_at = models.DateTimeField(
        _("expires"), null=True, blank=True, validators=[validate_moment]
    )
    # The end that was taken from the feed. Where `expires_at` differs from it, a person has set or cleared the end.
    feed_end = models.DateTimeField(null=True, editable=False)
    rewards = NotesField(_("rewards"), blank=True)
    first_seen_at = models.DateTimeField(_("first seen"), default=timezone.now, editable=False)
    last_seen_at = models.DateTimeField(_("last seen in the feed"), null=True, editable=False)

    objects = GiftCodeQuerySet.as_manager()
    history = Versions(
        excluded_fields=[
            "folded",
            "issue",
            "source",
            "feed_end",
            "first_seen_at",
            "last_seen_at",
            *LIFE_FIELDS,
        ]
    )

    class Meta:
        ordering = ["-first_seen_at", "-id"]
        verbose_name = _("gift code")
        verbose_name_plural = _("gift codes")
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "folded", "issue"], name="one_row_for_each_issue_of_a_code"
            ),
            within(DAYS, "published_on", name="published_within_bounds"),
            within(MOMENTS, "expires_at", name="end_within_bounds"),
        ]
        indexes = [
            models.Index(
                fields=["provider"], name="code_open", condition=Q(state__in=["active", "probing"])
            ),
            models.Index(
                fields=["next_probe_at"],
                name="code_to_probe",
                condition=Q(next_probe_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return code_words(self.code, self.issue)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.folded = self.code.casefold()
        super().save(*args, **kwargs)

    @property
    def has_end_of_feed(self) -> bool:
        """The end is as the feed gave it: no person has set, changed or cleared it since."""
        return self.expires_at is not None and self.expires_at == self.feed_end

    def takes_end(self, end: dt.datetime, now: dt.datetime) -> bool:
        """Is this end, which the feed gives now, to be stored?

        A person's end is never overwritten. An end that is past is not taken either: the game says by itself that a
        code has ended, and a code that was reopened would be closed again. An end that is extended reopens a code
        that was closed for nothing but the feed's earlier end.
        """
        if end <= now or end == self.expires_at:
            return False
        if not self.is_open and not self.ended_by_feed:
            return False
        return self.has_end_of_feed or (self.expires_at is None and self.feed_end is None)

    @property
    def ended_by_feed(self) -> bool:
        """Closed because the end that the feed gave had come, and for no other reason."""
        came = (
            self.closed_at is not None
            and self.expires_at is not None
            and self.expires_at <= self.closed_at
        )
        return (
            self.state == CodeState.CLOSED
            and not self.closed_outcome
            and self.has_end_of_feed
            and came
        )


class Feed(models.Model):
    """Where a game's codes are published: the last answer, the failures, and when it is asked next."""

    provider = models.CharField(
        _("game"), max_length=20, choices=provider_choices, primary_key=True
    )
    enabled = models.BooleanField(_("polled"), default=True)
    next_poll_at = models.DateTimeField(_("next poll"), default=timezone.now)
    polled_at = models.DateTimeField(_("last poll"), null=True, editable=False)
    answered_at = models.DateTimeField(_("last good answer"), null=True, editable=False)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    error = models.TextField(_("last error"), blank=True, editable=False)
    listed = models.PositiveIntegerField(_("codes in the last answer"), default=0, editable=False)
    skipped = models.PositiveIntegerField(
        _("lines skipped in the last answer"), default=0, editable=False
    )
    skipped_lines = models.TextField(_("skipped lines"), blank=True, editable=False)
    etag = models.CharField(max_length=200, blank=True, editable=False)
    last_modified = models.CharField(max_length=100, blank=True, editable=False)

    class Meta:
        verbose_name = _("feed")
        verbose_name_plural = _("feeds")

    def __str__(self) -> str:
        return f"feed of {self.provider}"
