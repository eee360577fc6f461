"""Guilds and their members."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.numbers import grouped
from giftcodes.domain.text import isolated, visible
from giftcodes.domain.validators import (
    validate_day,
    validate_one_line,
    validate_player_id,
    validate_realm,
)
from giftcodes.models.date_bounds import DAYS, within
from giftcodes.models.fields import (
    NameField,
    NotesField,
    TokenField,
    language_choices,
    provider_choices,
)
from giftcodes.models.history import MemberVersion, Versions

#: The beginning of the pseudonym of an erased player. No player ID looks like it, so no request is
#: ever sent for an erased player.
ERASED = "erased-"
#: In this time, at most MEMBERS_PER_GUILD different players may be added to a guild. Otherwise, the
#: members could be replaced again and again, and each new member costs requests of the game.
ADDING_PERIOD = dt.timedelta(days=7)


class GuildFullError(ValueError):
    """A guild would have too many active members. The text says the limit and what to do."""


class GuildQuerySet(models.QuerySet["Guild"]):
    def active(self) -> GuildQuerySet:
        return self.filter(active=True)

    def automatic(self) -> GuildQuerySet:
        return self.active().filter(automatic=True)


class Guild(models.Model):
    """An alliance: its game, its members, and whether new codes are redeemed automatically."""

    name = NameField(_("name"), max_length=80, unique=True, validators=[validate_one_line])
    provider = models.CharField(_("game"), max_length=20, choices=provider_choices)
    realm = models.PositiveIntegerField(
        _("state or kingdom"),
        validators=[validate_realm],
        help_text=_("The state or kingdom of most members. A member may have a different one."),
    )
    active = models.BooleanField(_("active"), default=True)
    automatic = models.BooleanField(
        _("automatic redeeming"),
        default=True,
        help_text=_("Redeem each new code without being asked."),
    )
    priority = models.SmallIntegerField(
        _("priority"),
        default=0,
        help_text=_(
            "Of codes that end at the same time, those of guilds with a higher priority are "
            "redeemed first."
        ),
    )
    officers = models.ManyToManyField(
        settings.AUTH_USER_MODEL, verbose_name=_("officers"), blank=True, related_name="guilds"
    )
    language = models.CharField(
        _("language"),
        max_length=10,
        choices=language_choices,
        blank=True,
        default="",
        db_default="",
        help_text=_(
            "The language of the messages in the guild's channels, and of the bot's messages to "
            "its members. Pages and answers are in the language of each reader."
        ),
    )
    notes = NotesField(_("notes"), blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = GuildQuerySet.as_manager()
    history = Versions(excluded_fields=["created_at"], m2m_fields=["officers"])

    class Meta:
        ordering = ["name"]
        verbose_name = _("guild")
        verbose_name_plural = _("guilds")
        #: Without this permission, a person sees only the guilds in which they are an officer
        #: (queries/scope.py).
        permissions = [("view_every_guild", _("Can view every guild, and the system"))]

    def __str__(self) -> str:
        return isolated(self.name)

    def speaking(self) -> translation.override:
        """A context in which texts are in the guild's language.

        Messages to its channels and direct messages to its members are made in this context:
        Discord says which language a person has chosen only when the bot answers that person.
        """
        is_known = self.language in dict(settings.LANGUAGES)
        return translation.override(self.language if is_known else settings.LANGUAGE_CODE)

    def room(self) -> int:
        """How many more active members the guild may have. 0 if it is full, or too large."""
        return max(0, settings.MEMBERS_PER_GUILD - self.members.filter(active=True).count())

    def may_add(self, player_ids: Iterable[str]) -> bool:
        """Whether these players may be added, given who was added in the last seven days.

        A player who was added and then removed counts. A player who is added again counts once.
        """
        lately = Member.history.filter(
            guild=self, history_type="+", history_date__gt=timezone.now() - ADDING_PERIOD
        )
        known = set(lately.order_by().values_list("player_id", flat=True).distinct())
        return len(known.union(player_ids)) <= settings.MEMBERS_PER_GUILD

    def too_many_added_words(self) -> str:
        """A sentence for the person who may not add more players this week."""
        words = _(
            "In seven days, at most %(most)s different players may be added to guild %(guild)s, "
            "because each new player causes requests to the game. Wait, or ask the administrator "
            "to raise MEMBERS_PER_GUILD."
        )
        return words % {"guild": self, "most": grouped(settings.MEMBERS_PER_GUILD)}

    def full_words(self, *, more: int, room: int) -> str:
        """The sentence that the guild has room for `room` more members, but not for `more`."""
        words = _(
            "Guild %(guild)s may have at most %(most)s active members. It has room for %(room)s "
            "more, and not for %(more)s. Make members inactive first, or ask the administrator to "
            "raise MEMBERS_PER_GUILD."
        )
        numbers = {"most": settings.MEMBERS_PER_GUILD, "room": room, "more": more}
        return words % {
            "guild": self,
            **{name: grouped(number) for name, number in numbers.items()},
        }


class MemberQuerySet(models.QuerySet["Member"]):
    def eligible(self) -> MemberQuerySet:
        """Members for whom codes may be redeemed."""
        return self.filter(active=True, opted_out=False)

    def needing_correction(self) -> MemberQuerySet:
        """Members whom the game does not know in their present realm."""
        realm = Coalesce("realm", "guild__realm")
        return self.eligible().filter(refused_at__isnull=False, refused_realm=realm)


def member_words(nickname: str, player_id: str) -> str:
    """A member as logs and pages show it."""
    return f"{isolated(visible(nickname))} ({player_id})" if nickname else player_id


def own_realm(guild: Guild, realm: int | None) -> int | None:
    """The realm to store for a member. None if it is the guild's realm."""
    return None if realm == guild.realm else realm


class Member(models.Model):
    """A player ID in a guild."""

    guild = models.ForeignKey(
        Guild, on_delete=models.PROTECT, related_name="members", verbose_name=_("guild")
    )
    player_id = TokenField(_("player ID"), max_length=20, validators=[validate_player_id])
    nickname = NameField(_("nickname"), max_length=80, blank=True, validators=[validate_one_line])
    realm = models.PositiveIntegerField(
        _("state or kingdom"),
        null=True,
        blank=True,
        validators=[validate_realm],
        help_text=_("Only if it differs from the guild's."),
    )
    active = models.BooleanField(_("active"), default=True)
    opted_out = models.BooleanField(_("opted out"), default=False, editable=False)
    consented_on = models.DateField(
        _("consented on"), null=True, blank=True, validators=[validate_day]
    )
    notes = NotesField(_("notes"), blank=True, default="", db_default="")
    joined_at = models.DateTimeField(_("joined"), default=timezone.now, editable=False)
    #: The last realm in which the game did not know this player, and when it said so. No request
    #: with this realm is sent for a week.
    refused_realm = models.PositiveIntegerField(null=True, editable=False)
    refused_at = models.DateTimeField(null=True, editable=False)
    #: When the game first did not know the player. The time stays if the game does not know the
    #: player in a corrected realm either.
    refused_since = models.DateTimeField(null=True, editable=False)

    objects = MemberQuerySet.as_manager()
    history = Versions(
        excluded_fields=["joined_at", "refused_realm", "refused_at", "refused_since"],
        bases=[MemberVersion],
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
        indexes = [
            models.Index(fields=["player_id"], name="member_player"),
            models.Index(
                fields=["guild"],
                name="member_refused",
                condition=Q(refused_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return member_words(self.nickname, self.player_id)

    def clean(self) -> None:
        """Check that the guild has room for the member, and that the player has not opted out.

        Raises:
            ValidationError: the guild has no room, or the player has opted out.
        """
        from giftcodes.models.opted_out import OptOut, player_hashes

        if self.guild_id and self.active and not self._is_stored_as_active():
            room = self.guild.room()
            if room < 1:
                raise ValidationError(self.guild.full_words(more=1, room=room), code="guild_full")
        if self.pk is None and self.guild_id and not self.guild.may_add([self.player_id]):
            raise ValidationError(self.guild.too_many_added_words(), code="guild_full")

        if self.pk is None and self.guild_id and self.player_id:
            unwilling = OptOut.objects.filter(
                pk__in=player_hashes(self.guild.provider, self.player_id)
            )
            if unwilling.exists():
                words = _(
                    "This player has opted out, so no codes are redeemed for the player. If the "
                    "player asks to end the opt-out, run opt_out --undo."
                )
                raise ValidationError({"player_id": words}, code="opted_out")

    def _is_stored_as_active(self) -> bool:
        return (
            self.pk is not None
            and type(self)._base_manager.filter(pk=self.pk, active=True).exists()
        )
