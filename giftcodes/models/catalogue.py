"""Guilds, their members, the codes, and the feeds that codes come from. Nothing with a history is ever deleted."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from giftcodes.models.versions import MemberVersion, Versions
from giftcodes.outcomes import ABOUT_THE_CODE, PROVING, Outcome, meaning
from giftcodes.validators import validate_code, validate_one_line, validate_player_id
from giftcodes.verdict import DOUBT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable

#: A code that nobody knew is asked for once more after each of these: codes are published early and typed wrong.
PROBE_AFTER_SECONDS = (600, 3_600, 21_600)


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

    name = models.CharField(_("name"), max_length=80, unique=True, validators=[validate_one_line])
    provider = models.CharField(_("game"), max_length=20, choices=provider_choices)
    realm = models.PositiveIntegerField(
        _("realm"), help_text=_("The state or kingdom number. Members may have one of their own.")
    )
    active = models.BooleanField(_("active"), default=True)
    automatic = models.BooleanField(
        _("automatic redeeming"), default=True, help_text=_("Redeem each new code without being asked.")
    )
    priority = models.SmallIntegerField(
        _("priority"), default=0, help_text=_("Higher goes first where codes end at the same time.")
    )
    officers = models.ManyToManyField(
        settings.AUTH_USER_MODEL, verbose_name=_("officers"), blank=True, related_name="guilds"
    )
    notes = models.TextField(_("notes"), blank=True)
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
        return self.name


class MemberQuerySet(models.QuerySet["Member"]):
    def eligible(self) -> MemberQuerySet:
        """Those for whom the game may be asked."""
        return self.filter(active=True, opted_out=False)


def member_words(nickname: str, player_id: str) -> str:
    """A member, as logs and pages show one."""
    return f"{nickname} ({player_id})" if nickname else player_id


def code_words(code: str, issue: int) -> str:
    """A gift code, as logs and pages show one."""
    return code if issue == 1 else f"{code} (issue {issue})"


def own_realm(guild: Guild, realm: int | None) -> int | None:
    """The realm as a member has it: none where it is the guild's."""
    return None if realm == guild.realm else realm


class Member(models.Model):
    """A player ID in a guild."""

    guild = models.ForeignKey(Guild, on_delete=models.PROTECT, related_name="members", verbose_name=_("guild"))
    player_id = models.CharField(_("player ID"), max_length=20, validators=[validate_player_id])
    nickname = models.CharField(_("nickname"), max_length=80, blank=True, validators=[validate_one_line])
    realm = models.PositiveIntegerField(
        _("realm"), null=True, blank=True, help_text=_("Only where it differs from the guild's.")
    )
    active = models.BooleanField(_("active"), default=True)
    opted_out = models.BooleanField(_("opted out"), default=False, editable=False)
    consented_on = models.DateField(_("consented on"), null=True, blank=True)
    notes = models.TextField(_("notes"), blank=True, default="", db_default="")
    joined_at = models.DateTimeField(_("joined"), default=timezone.now, editable=False)

    objects = MemberQuerySet.as_manager()
    history = Versions(excluded_fields=["joined_at"], bases=[MemberVersion])

    class Meta:
        ordering = ["guild", "nickname", "player_id"]
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [
            models.UniqueConstraint(fields=["guild", "player_id"], name="one_member_for_each_player_of_a_guild")
        ]

    def __str__(self) -> str:
        return member_words(self.nickname, self.player_id)

    def clean(self) -> None:
        """A player who opted out is not added again.

        Raises:
            ValidationError: this is one.
        """
        from giftcodes.models.delivery import OptOut, player_hash

        if self.pk is None and self.guild_id and self.player_id:
            unwilling = OptOut.objects.filter(player_hash=player_hash(self.guild.provider, self.player_id))
            if unwilling.exists():
                words = _(
                    "This player has opted out, and is not redeemed for. Only at the player's wish: opt_out --undo."
                )
                raise ValidationError({"player_id": words}, code="opted_out")


class Source(models.TextChoices):
    FEED = "feed", _("feed")
    ADMIN = "admin", _("admin")
    COMMAND = "command", _("command line")


class CodeState(models.TextChoices):
    ACTIVE = "active", _("active")
    PROBING = "probing", _("being probed")
    CLOSED = "closed", _("closed")
    DELETED = "deleted", _("deleted")


class CodeNews(models.TextChoices):
    """What an answer told about a code."""

    NOTHING = "nothing"
    PROVEN = "proven"
    REOPENED = "reopened"
    DOUBTED = "doubted"
    CLOSED = "closed"


class GiftCodeQuerySet(models.QuerySet["GiftCode"]):
    def active(self) -> GiftCodeQuerySet:
        return self.filter(state=CodeState.ACTIVE)

    def latest_issues(self, provider: str, folded: Iterable[str]) -> dict[str, GiftCode]:
        """The newest issue of each of these codes, by folded code."""
        rows = self.filter(provider=provider, folded__in=list(folded)).order_by("folded", "issue")
        return {row.folded: row for row in rows}

    def in_order(self) -> GiftCodeQuerySet:
        """Soonest end first; a code without a known end is taken to last a week."""
        return self.order_by(
            Coalesce("expires_at", F("first_seen_at") + dt.timedelta(days=7), output_field=models.DateTimeField()),
            "id",
        )


#: What the machine sets of a code.
LIFE_FIELDS = (
    "state",
    "reason",
    "closed_outcome",
    "closed_at",
    "proven_at",
    "doubt_outcome",
    "doubt_player_id",
    "doubt_guild",
    "doubted_at",
    "probes",
    "next_probe_at",
)
#: What `GiftCode.reopen` sets: a code that works again has another end than the one that is past.
REOPENED_FIELDS = (*LIFE_FIELDS, "expires_at", "feed_end")


class GiftCode(models.Model):
    """A code of a game: kept as published, compared without case, one row for each issue."""

    provider = models.CharField(_("game"), max_length=20, choices=provider_choices)
    code = models.CharField(_("code"), max_length=32, validators=[validate_code])
    folded = models.CharField(max_length=32, editable=False)
    issue = models.PositiveIntegerField(_("issue"), default=1, editable=False)
    source = models.CharField(_("source"), max_length=10, choices=Source, default=Source.ADMIN, editable=False)
    published_on = models.DateField(_("published"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    # The end that was taken from the feed. Where `expires_at` differs from it, a person has set or cleared the end.
    feed_end = models.DateTimeField(null=True, editable=False)
    rewards = models.TextField(_("rewards"), blank=True)
    first_seen_at = models.DateTimeField(_("first seen"), default=timezone.now, editable=False)
    last_seen_at = models.DateTimeField(_("last seen in the feed"), null=True, editable=False)

    state = models.CharField(_("state"), max_length=10, choices=CodeState, default=CodeState.ACTIVE, editable=False)
    reason = models.TextField(_("reason"), blank=True, editable=False)
    closed_outcome = models.CharField(_("closed by"), max_length=20, blank=True, editable=False)
    closed_at = models.DateTimeField(_("closed"), null=True, editable=False)
    proven_at = models.DateTimeField(_("proven"), null=True, editable=False)
    # One member was told that the code does not work; one more is asked before it is closed.
    doubt_outcome = models.CharField(max_length=20, blank=True, editable=False)
    doubt_player_id = models.CharField(max_length=20, blank=True, editable=False)
    doubt_guild = models.ForeignKey(Guild, on_delete=models.SET_NULL, null=True, editable=False, related_name="+")
    doubted_at = models.DateTimeField(null=True, editable=False)
    probes = models.PositiveSmallIntegerField(_("probes since it was closed"), default=0, editable=False)
    next_probe_at = models.DateTimeField(_("next probe"), null=True, editable=False)

    objects = GiftCodeQuerySet.as_manager()
    history = Versions(
        excluded_fields=["folded", "issue", "source", "feed_end", "first_seen_at", "last_seen_at", *LIFE_FIELDS]
    )

    class Meta:
        ordering = ["-first_seen_at", "-id"]
        verbose_name = _("gift code")
        verbose_name_plural = _("gift codes")
        constraints = [
            models.UniqueConstraint(fields=["provider", "folded", "issue"], name="one_row_for_each_issue_of_a_code")
        ]
        indexes = [
            models.Index(fields=["provider"], name="code_open", condition=Q(state__in=["active", "probing"])),
            models.Index(fields=["next_probe_at"], name="code_to_probe", condition=Q(next_probe_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return code_words(self.code, self.issue)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.folded = self.code.casefold()
        super().save(*args, **kwargs)

    @property
    def is_open(self) -> bool:
        return self.state in (CodeState.ACTIVE, CodeState.PROBING)

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
        came = self.closed_at is not None and self.expires_at is not None and self.expires_at <= self.closed_at
        return self.state == CodeState.CLOSED and not self.closed_outcome and self.has_end_of_feed and came

    def hear(self, outcome: Outcome, *, player_id: str, guild_id: int, now: dt.datetime) -> CodeNews:
        """Take in what the game said of this code, and save it. The row must be locked.

        A code is closed only when two members were told so, or the same one twice a minute apart; a code that is being
        probed is closed again by one answer, so that a dead code costs little.
        """
        news = self._weigh(outcome, player_id=player_id, now=now)
        match news:
            case CodeNews.PROVEN:
                self.proven_at = self.proven_at or now
                self._forget_doubt()
            case CodeNews.REOPENED:
                self.proven_at = self.proven_at or now
                self.reopen(now)
            case CodeNews.DOUBTED:
                self.doubt_outcome, self.doubt_player_id = outcome.value, player_id
                self.doubt_guild_id, self.doubted_at = guild_id, now
            case CodeNews.CLOSED:
                self.close(meaning(outcome).reason, outcome=outcome, now=now)
            case CodeNews.NOTHING:
                return news
        self.save(update_fields=REOPENED_FIELDS if news is CodeNews.REOPENED else LIFE_FIELDS)
        return news

    def _weigh(self, outcome: Outcome, *, player_id: str, now: dt.datetime) -> CodeNews:
        if self.state == CodeState.DELETED:
            return CodeNews.NOTHING
        if outcome in PROVING:
            if self.state != CodeState.ACTIVE:
                return CodeNews.REOPENED
            return CodeNews.PROVEN if self.proven_at is None or self.doubted_at else CodeNews.NOTHING
        if outcome not in ABOUT_THE_CODE or self.state == CodeState.CLOSED:
            return CodeNews.NOTHING
        if self.state == CodeState.PROBING:
            return CodeNews.CLOSED
        if self.doubted_at is None:
            return CodeNews.DOUBTED
        is_second_opinion = player_id != self.doubt_player_id
        is_late_enough = (now - self.doubted_at).total_seconds() >= DOUBT_SECONDS
        return CodeNews.CLOSED if is_second_opinion or is_late_enough else CodeNews.NOTHING

    def _forget_doubt(self) -> None:
        self.doubt_outcome, self.doubt_player_id, self.doubt_guild, self.doubted_at = "", "", None, None

    def close(self, reason: str, *, outcome: Outcome | None, now: dt.datetime) -> None:
        """Set the fields of a closed code. A code that the game does not know is closed provisionally and probed."""
        self.state, self.reason, self.closed_at = CodeState.CLOSED, reason, now
        self.closed_outcome = outcome.value if outcome else ""
        self._forget_doubt()
        self.next_probe_at = None
        if outcome is Outcome.CODE_NOT_FOUND and self.probes < len(PROBE_AFTER_SECONDS):
            self.next_probe_at = now + dt.timedelta(seconds=PROBE_AFTER_SECONDS[self.probes])
            self.probes += 1

    def reopen(self, now: dt.datetime) -> None:
        """Set the fields of a code that works again. An end that is past was wrong, and is not known any more."""
        if self.expires_at and self.expires_at <= now:
            self.expires_at = self.feed_end = None
        self.state, self.reason, self.closed_outcome, self.closed_at = CodeState.ACTIVE, "", "", None
        self.probes, self.next_probe_at = 0, None
        self._forget_doubt()


class Feed(models.Model):
    """Where a game's codes are published: the last answer, the failures, and when it is asked next."""

    provider = models.CharField(_("game"), max_length=20, choices=provider_choices, primary_key=True)
    enabled = models.BooleanField(_("polled"), default=True)
    next_poll_at = models.DateTimeField(_("next poll"), default=timezone.now)
    polled_at = models.DateTimeField(_("last poll"), null=True, editable=False)
    answered_at = models.DateTimeField(_("last good answer"), null=True, editable=False)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    error = models.TextField(_("last error"), blank=True, editable=False)
    listed = models.PositiveIntegerField(_("codes in the last answer"), default=0, editable=False)
    skipped = models.PositiveIntegerField(_("lines skipped in the last answer"), default=0, editable=False)
    skipped_lines = models.TextField(_("skipped lines"), blank=True, editable=False)
    etag = models.CharField(max_length=200, blank=True, editable=False)
    last_modified = models.CharField(max_length=100, blank=True, editable=False)

    class Meta:
        verbose_name = _("feed")
        verbose_name_plural = _("feeds")

    def __str__(self) -> str:
        return f"feed of {self.provider}"
