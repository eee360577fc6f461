"""Alarms about problems that need a person, and the notices about them for the operator."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import IntegrityError, models, transaction
from django.db.models import Exists, Q
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from giftcodes.models.announcement import Announcement, Subject, queue_alarms
from giftcodes.models.channel import Channel
from giftcodes.models.clock import Clock
from giftcodes.models.fields import SentenceField
from giftcodes.models.game_words import title_of
from giftcodes.models.guild import Member
from giftcodes.models.outbox import Outbox
from giftcodes.models.site_settings import operator_channel

#: A longer message is not the headline of its alarm: the kind is, and the message is below it.
_HEADLINE_LENGTH = 100


class AlarmQuerySet(models.QuerySet["Alarm"]):
    def raised(self) -> AlarmQuerySet:
        """Alarms that were raised, not only suspected."""
        return self.filter(raised_at__isnull=False)

    def listed(self) -> AlarmQuerySet:
        """Alarms that pages list: those that were raised, and those of the kind UNSERVED.

        An alarm that a guild got nothing from a code is listed as soon as it is suspected, because
        a person can correct the members at once.
        """
        return self.filter(Q(raised_at__isnull=False) | Q(kind=Alarm.Kind.UNSERVED))

    def standing(self) -> AlarmQuerySet:
        return self.raised().filter(cleared_at__isnull=True)

    def raise_once(self, kind: str, subject: str, message: str) -> bool:
        """Raise an alarm unless it is raised already. Returns whether it is new."""
        try:
            with transaction.atomic():
                alarm = self.create(kind=kind, subject=subject, message=message)
                AlarmNotice.objects.queue([alarm.pk], AlarmNotice.Kind.RAISED)
        except IntegrityError:
            return False
        return True

    def clear(self, kind: str, subject: str) -> bool:
        """Clear an alarm. Returns whether it was raised."""
        return bool(self.filter(kind=kind, subject=subject).clear_all())

    def raise_pause(self, provider: str, pause_kind: str, reason: str) -> bool:
        """Raise the alarm about a game's pause, and clear its alarms about other kinds of pause.

        Args:
            provider: the paused game.
            pause_kind: the kind of the pause (`PauseKind`).
            reason: why the game is paused, in words. This is the alarm's message.

        Returns:
            Whether the alarm is new.
        """
        kind = {"captcha": Alarm.Kind.CAPTCHA, "forbidden": Alarm.Kind.FORBIDDEN}.get(
            pause_kind, Alarm.Kind.PROVIDER_PAUSED
        )
        self.filter(kind__in=PAUSE_ALARMS - {kind}, subject=provider).clear_all()
        return self.raise_once(kind, provider, reason)

    def clear_pause(self, provider: str) -> bool:
        """Clear the alarm about a pause. Returns whether one was raised."""
        return bool(self.filter(kind__in=PAUSE_ALARMS, subject=provider).clear_all())

    @transaction.atomic
    def clear_all(self) -> int:
        """Clear the raised alarms in this queryset. Returns how many there were."""
        ids = list(self.standing().select_for_update().order_by("pk").values_list("pk", flat=True))
        if ids:
            self.model._default_manager.filter(pk__in=ids).update(cleared_at=Clock())
            AlarmNotice.objects.queue(ids, AlarmNotice.Kind.CLEARED)
        return len(ids)


class Alarm(models.Model):
    """A problem that needs a person. Each alarm is raised once and cleared once.

    An alarm without `raised_at` is only suspected, because its cause has not lasted long enough.
    """

    class Kind(models.TextChoices):
        PROVIDER_PAUSED = "provider_paused", _("game paused")
        CAPTCHA = "captcha", _("the game asks for a captcha")
        FORBIDDEN = "forbidden", _("the game's server refuses us")
        CODE_ODD = "code_odd", _("code with unclear answers")
        NO_PROGRESS = "no_progress", _("run without progress")
        FEED_SILENT = "feed_silent", _("feed silent or failing")
        FEED_WRONG = "feed_wrong", _("feed no longer trusted")
        UNCOVERED = "uncovered", _("guild without a run for an active code")
        NO_MEMBERS = "no_members", _("guild without members")
        CHANNEL_GONE = "channel_gone", _("channel gone")
        CHANNEL_SILENT = "channel_silent", _("channel takes no messages")
        BEAT_SILENT = "beat_silent", _("beat does not tick")
        BAD_ROW = "bad_row", _("a row that cannot be worked on")
        DIRECTORY_KEY = "directory_key", _("key of a directory of players refused")
        DIRECTORY_FAILING = "directory_failing", _("directory of players failing")
        UNSERVED = "unserved", _("guild gets nothing from a code")
        UNCORRECTED = "uncorrected", _("members need a correction for days")
        DISCORD_BOT = "discord_bot", _("Discord bot not connected")
        NO_THREAD = "no_thread", _("no thread in a channel")

    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    subject = models.CharField(_("subject"), max_length=100)
    message = SentenceField(_("message"))
    suspected_at = models.DateTimeField(_("suspected"), db_default=Clock())
    raised_at = models.DateTimeField(_("raised"), null=True, db_default=Clock())
    cleared_at = models.DateTimeField(_("cleared"), null=True)

    objects = AlarmQuerySet.as_manager()

    class Meta:
        ordering = ["-raised_at"]
        verbose_name = _("alarm")
        verbose_name_plural = _("alarms")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"],
                condition=Q(cleared_at__isnull=True),
                name="one_standing_alarm_for_a_subject",
            )
        ]

    def __str__(self) -> str:
        if SUBJECT_MODELS.get(self.kind) == "feed":
            # The subject is a number. The message names the feed.
            return str(self.get_kind_display())
        return f"{self.get_kind_display()}: {title_of(self.subject)}"

    @property
    def headline(self) -> str:
        """The message if it is short, or else the kind of the alarm."""
        return self.message if self._is_short else capfirst(self.get_kind_display())

    @property
    def details(self) -> str:
        """The message, unless it is the headline."""
        return "" if self._is_short else self.message

    @property
    def _is_short(self) -> bool:
        return len(self.message) <= _HEADLINE_LENGTH


#: The kinds of alarm that say that a game is paused.
PAUSE_ALARMS = {Alarm.Kind.PROVIDER_PAUSED, Alarm.Kind.CAPTCHA, Alarm.Kind.FORBIDDEN}
#: For each kind of alarm, the model of the row that the alarm is about. The alarm's subject is that
#: row's primary key. Alarms of the kinds that are missing here have no page to link to.
SUBJECT_MODELS: dict[str, str] = {
    Alarm.Kind.PROVIDER_PAUSED: "ratebudget",
    Alarm.Kind.CAPTCHA: "ratebudget",
    Alarm.Kind.FORBIDDEN: "ratebudget",
    Alarm.Kind.CODE_ODD: "giftcode",
    Alarm.Kind.NO_PROGRESS: "redemption",
    Alarm.Kind.FEED_SILENT: "feed",
    Alarm.Kind.FEED_WRONG: "feed",
    Alarm.Kind.UNCOVERED: "guild",
    Alarm.Kind.NO_MEMBERS: "guild",
    Alarm.Kind.CHANNEL_GONE: "channel",
    Alarm.Kind.CHANNEL_SILENT: "channel",
    Alarm.Kind.NO_THREAD: "channel",
    Alarm.Kind.UNSERVED: "guild",
    Alarm.Kind.UNCORRECTED: "guild",
}


#: The kinds of alarm that are about the members of a guild. Without members, they are over.
_OF_MEMBERS = frozenset({Alarm.Kind.UNSERVED, Alarm.Kind.UNCORRECTED})


def without_empty_guilds(alarms: Iterable[Alarm]) -> list[Alarm]:
    """These alarms, without those about the members of guilds that have no members now.

    The next check of the causes clears the alarms that are left out here. This takes one statement
    at most.
    """
    rows = list(alarms)
    about = {int(row.subject) for row in rows if row.kind in _OF_MEMBERS}
    if not about:
        return rows
    eligible = Member.objects.eligible().filter(guild__in=about).order_by()
    kept = {str(guild_id) for guild_id in eligible.values_list("guild_id", flat=True).distinct()}
    return [row for row in rows if row.kind not in _OF_MEMBERS or row.subject in kept]


#: The kinds of alarm that concern a single guild. That guild's channels may be told of them.
GUILD_ALARMS = frozenset(
    kind for kind, model in SUBJECT_MODELS.items() if model in ("guild", "channel", "redemption")
)


class AlarmNoticeQuerySet(models.QuerySet["AlarmNotice"]):
    def queue(self, alarm_ids: Iterable[int], kind: str) -> None:
        """Queue the messages about alarms: to the operator's channel, if any, and to guilds.

        Args:
            alarm_ids: the alarms, which were raised or cleared in this transaction.
            kind: RAISED or CLEARED.
        """
        ids = list(alarm_ids)
        if operator_channel():
            self.bulk_create(AlarmNotice(alarm_id=pk, kind=kind) for pk in ids)
        is_over = kind == AlarmNotice.Kind.CLEARED
        is_heard = Exists(Channel.objects.told_of_alarms())
        about = Alarm.objects.filter(is_heard, pk__in=ids, kind__in=GUILD_ALARMS).order_by("pk")
        queue_alarms(
            {
                pk: Subject(SUBJECT_MODELS[alarm_kind], subject)
                for pk, alarm_kind, subject in about.values_list("pk", "kind", "subject")
            },
            Announcement.Kind.OVER if is_over else Announcement.Kind.RAISED,
        )


class AlarmNotice(Outbox):
    """A message to the operator's channel that an alarm was raised or cleared. It is sent once."""

    class Kind(models.TextChoices):
        RAISED = "raised", _("raised")
        CLEARED = "cleared", _("cleared")

    alarm = models.ForeignKey(
        Alarm, on_delete=models.PROTECT, related_name="notices", verbose_name=_("alarm")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)

    objects = AlarmNoticeQuerySet.as_manager()

    class Meta:
        verbose_name = _("notice to the operator")
        verbose_name_plural = _("notices to the operator")
        constraints = [
            models.UniqueConstraint(fields=["alarm", "kind"], name="one_notice_of_a_kind")
        ]
        indexes = [models.Index(fields=["id"], name="notice_waiting", condition=Q(state="waiting"))]

    def __str__(self) -> str:
        return f"{self.kind}: {self.alarm_id}"
