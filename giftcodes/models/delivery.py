"""What is told to people: announcements, alarms; what players asked not to be done; and beat's pulse."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from giftcodes.clients.channels import BadAddressError, announcer_for
from giftcodes.domain import failpoints
from giftcodes.models.catalogue import Guild
from giftcodes.models.clock import Clock
from giftcodes.models.fields import SentenceField
from giftcodes.secret_key import secret_key

if TYPE_CHECKING:
    from giftcodes.models.redemption import Redemption

#: Of one message: the most for reaching its service.
CONNECT_SECONDS = 3.0
#: A claim lasts for one message (`ANNOUNCE_SECONDS`) and this, of which one half is for waiting in the queue.
LEASE_MARGIN_SECONDS = failpoints.seconds("ANNOUNCE_MARGIN_SECONDS", 20.0)
LONGEST_DELAY_SECONDS = 600.0


def validate_channel(address: str) -> None:
    """Refuse what is no address of a channel, without repeating it.

    Raises:
        ValidationError: it is none.
    """
    try:
        announcer_for(address, total_seconds=1, connect_seconds=1)
    except BadAddressError as error:
        raise ValidationError(str(error), code="channel") from error


def address_hash(address: str) -> str:
    """Tells one address from another, and does not tell which it is."""
    return hmac.new(
        f"channel:{secret_key()}".encode(), address.encode(), hashlib.sha256
    ).hexdigest()[:16]


class Channel(models.Model):
    """Where a guild is told of its runs. The address is a secret: whoever has it can post."""

    guild = models.OneToOneField(
        Guild, on_delete=models.CASCADE, related_name="channel", verbose_name=_("guild")
    )
    address = models.TextField(
        _("address"),
        validators=[validate_channel],
        help_text=_(
            "A Discord webhook, or an address of Apprise. It is kept, and never shown again."
        ),
    )
    #: The channel asked to be left alone until then.
    not_before = models.DateTimeField(_("rests until"), null=True, editable=False)
    #: Every request since then was refused, or could not be made. Null: the last one was taken.
    refused_since = models.DateTimeField(_("refuses since"), null=True, editable=False)
    error = models.TextField(_("last error"), blank=True, default="", db_default="", editable=False)
    delivered_at = models.DateTimeField(_("last delivery"), null=True, editable=False)

    class Meta:
        ordering = ["guild"]
        verbose_name = _("channel")
        verbose_name_plural = _("channels")

    def __str__(self) -> str:
        return f"channel of {self.guild}"

    @property
    def is_resting(self) -> bool:
        """Whether it refused a message, and is left alone now."""
        return bool(self.refused_since and self.not_before and self.not_before > timezone.now())

    @property
    def hash(self) -> str:
        """By which a message knows whether it is in this channel."""
        return address_hash(self.address)


class DeliveryState(models.TextChoices):
    WAITING = "waiting", _("waiting")
    SENT = "sent", _("sent, being kept up to date")
    DONE = "done", _("delivered")
    UNKNOWN = "unknown", _("unknown: it may have been posted, and is not sent again")
    GONE = "gone", _("the message or the channel is gone")
    FAILED = "failed", _("given up")
    DROPPED = "dropped", _("not needed any more")


class Outbox(models.Model):
    """A message on its way. A claim is a lease and a token, as those of member redemptions are.

    A new message is posted at most once: `sending_at` is written before its request, and cleared only by an answer that
    says that nothing was posted. A claim that ends with `sending_at` leaves the message unknown. Where the end of a run
    is an edit, `sending_at` is kept in the same way, and the edit repeated; once an edit had no answer, the end is
    never posted as a message of its own beside it.
    """

    state = models.CharField(
        _("delivery"),
        max_length=10,
        choices=DeliveryState,
        default=DeliveryState.WAITING,
        db_default="waiting",
    )
    created_at = models.DateTimeField(_("written"), db_default=Clock())
    sending_at = models.DateTimeField(_("request begun"), null=True)
    sent_at = models.DateTimeField(_("sent"), null=True)
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True, db_default=Clock())
    tries = models.PositiveSmallIntegerField(_("failures in a row"), default=0, db_default=0)
    error = models.TextField(_("error"), blank=True, default="", db_default="")
    token = models.PositiveIntegerField(default=0, db_default=0)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class Announcement(Outbox):
    """A message to a guild's channel about one run. At most one of a kind for each run.

    Where the channel can edit, both kinds are one message: `started` makes it, and `complete` is its last edit.
    """

    class Kind(models.TextChoices):
        STARTED = "started", _("started")
        COMPLETE = "complete", _("complete")

    redemption: models.ForeignKey[Redemption, Redemption] = models.ForeignKey(
        "giftcodes.Redemption",
        on_delete=models.PROTECT,
        related_name="announcements",
        verbose_name=_("redemption"),
    )
    run_number = models.PositiveIntegerField(_("run"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    message_id = models.CharField(
        _("message"), max_length=30, blank=True, default="", db_default=""
    )
    #: The channel that the message is in, and what it says: an edit that would change nothing is not sent.
    channel_hash = models.CharField(max_length=16, blank=True, default="", db_default="")
    content_hash = models.CharField(max_length=64, blank=True, default="", db_default="")
    edited_at = models.DateTimeField(_("last edit"), null=True)

    class Meta:
        verbose_name = _("announcement")
        verbose_name_plural = _("announcements")
        constraints = [
            models.UniqueConstraint(
                fields=["redemption", "run_number", "kind"], name="one_announcement_of_a_kind"
            )
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="announcement_unfinished",
                condition=Q(state__in=["waiting", "sent"]),
            ),
            models.Index(
                fields=["lease_until"],
                name="announcement_claimed",
                condition=Q(lease_until__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of run {self.run_number}"

    @property
    def is_unfinished(self) -> bool:
        """Whether it is still to be posted or edited."""
        return self.state in (DeliveryState.WAITING, DeliveryState.SENT)


def announce_end(redemption_id: int, *, run_number: int, is_loud: bool) -> None:
    """Write down that a run's end is to be told, if its guild has a channel, and its start was, or would have been."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO giftcodes_announcement (redemption_id, run_number, kind)
            SELECT r.id, %(run)s, 'complete'
            FROM giftcodes_redemption r
            JOIN giftcodes_channel ch ON ch.guild_id = r.guild_id
            WHERE r.id = %(id)s AND (%(run)s = 1 OR %(is_loud)s OR EXISTS (
                SELECT FROM giftcodes_announcement s
                WHERE s.redemption_id = r.id AND s.run_number = %(run)s AND s.kind = 'started'))
            ON CONFLICT (redemption_id, run_number, kind) DO NOTHING
            """,
            {"id": redemption_id, "run": run_number, "is_loud": is_loud},
        )


class AlarmQuerySet(models.QuerySet["Alarm"]):
    def raised(self) -> AlarmQuerySet:
        """Without those that are only suspected."""
        return self.filter(raised_at__isnull=False)

    def standing(self) -> AlarmQuerySet:
        return self.raised().filter(cleared_at__isnull=True)

    def raise_once(self, kind: str, subject: str, message: str) -> bool:
        """Raise an alarm unless it stands already. True: it is new."""
        try:
            with transaction.atomic():
                alarm = self.create(kind=kind, subject=subject, message=message)
                AlarmNotice.objects.tell([alarm.pk], AlarmNotice.Kind.RAISED)
        except IntegrityError:
            return False
        return True

    def clear(self, kind: str, subject: str) -> bool:
        """Clear an alarm. True: it stood."""
        return bool(self.filter(kind=kind, subject=subject).clear_all())

    def of_a_pause(self, provider: str, pause_kind: str, reason: str) -> bool:
        """Raise the alarm of a pause, and clear those of another kind of pause. True: it is new."""
        kind = {"captcha": Alarm.Kind.CAPTCHA, "forbidden": Alarm.Kind.FORBIDDEN}.get(
            pause_kind, Alarm.Kind.PROVIDER_PAUSED
        )
        self.filter(kind__in=PAUSE_ALARMS - {kind}, subject=provider).clear_all()
        return self.raise_once(kind, provider, reason)

    def pause_is_over(self, provider: str) -> bool:
        """Clear the alarm of a pause. True: one stood."""
        return bool(self.filter(kind__in=PAUSE_ALARMS, subject=provider).clear_all())

    @transaction.atomic
    def clear_all(self) -> int:
        """Clear those of these that stand. Returns how many did."""
        ids = list(self.standing().select_for_update().order_by("pk").values_list("pk", flat=True))
        if ids:
            self.model._default_manager.filter(pk__in=ids).update(cleared_at=Clock())
            AlarmNotice.objects.tell(ids, AlarmNotice.Kind.CLEARED)
        return len(ids)


class Alarm(models.Model):
    """Something that needs a person, raised once and cleared once. Without `raised_at` it is only suspected."""

    class Kind(models.TextChoices):
        PROVIDER_PAUSED = "provider_paused", _("provider paused")
        CAPTCHA = "captcha", _("the game asks for a captcha")
        FORBIDDEN = "forbidden", _("the game's server refuses us")
        CODE_ODD = "code_odd", _("code with answers that are not known")
        NO_PROGRESS = "no_progress", _("run without progress")
        FEED_SILENT = "feed_silent", _("feed silent or failing")
        UNCOVERED = "uncovered", _("guild without a run for an active code")
        NO_MEMBERS = "no_members", _("guild without members")
        CHANNEL_GONE = "channel_gone", _("channel gone")
        CHANNEL_SILENT = "channel_silent", _("channel takes no messages")
        BEAT_SILENT = "beat_silent", _("beat does not tick")
        BAD_ROW = "bad_row", _("a row that cannot be worked on")
        DIRECTORY_KEY = "directory_key", _("key of a directory of players refused")
        DIRECTORY_FAILING = "directory_failing", _("directory of players failing")

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
        return f"{self.get_kind_display()}: {self.subject}"


#: Each says that a game is paused.
PAUSE_ALARMS = {Alarm.Kind.PROVIDER_PAUSED, Alarm.Kind.CAPTCHA, Alarm.Kind.FORBIDDEN}


class AlarmNoticeQuerySet(models.QuerySet["AlarmNotice"]):
    def tell(self, alarm_ids: list[int], kind: str) -> None:
        """Write down that the operator is to be told, if there is a channel for that."""
        if settings.OPERATOR_CHANNEL:
            self.bulk_create(AlarmNotice(alarm_id=pk, kind=kind) for pk in alarm_ids)


class AlarmNotice(Outbox):
    """A message to the operator's channel: an alarm was raised, or is over. Each once."""

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


def player_hash(provider: str, player_id: str) -> str:
    """A keyed hash of a player ID, so that the list of those who opted out does not list them."""
    key = f"opt-out:{secret_key()}".encode()
    return hmac.new(key, f"{provider}:{player_id}".encode(), hashlib.sha256).hexdigest()


class OptOut(models.Model):
    """A player who wishes not to be asked for. No import can undo it."""

    player_hash = models.CharField(_("keyed hash"), max_length=64, primary_key=True)
    created_at = models.DateTimeField(_("since"), db_default=Clock())

    class Meta:
        verbose_name = _("opt-out")
        verbose_name_plural = _("opt-outs")

    def __str__(self) -> str:
        return f"{self.player_hash[:8]}…"


class Heartbeat(models.Model):
    """When a periodic task last ran, by name: what /healthz answers with."""

    name = models.CharField(max_length=20, primary_key=True)
    at = models.DateTimeField(db_default=Clock())

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%H:%M:%S}"

    @classmethod
    def beat(cls, name: str, *, rest_seconds: float = 0.0) -> bool:
        """Note that a periodic task runs now.

        Args:
            name: of the task.
            rest_seconds: how long it is to rest after it ran.

        Returns:
            Whether it is to run: it has not just done so. A pile of its messages is then worked off at once.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO giftcodes_heartbeat (name) VALUES (%(name)s)
                ON CONFLICT (name) DO UPDATE SET at = clock_timestamp()
                WHERE giftcodes_heartbeat.at <= clock_timestamp() - make_interval(secs => %(rest)s)
                   OR giftcodes_heartbeat.at > clock_timestamp()  -- The clock was set back.
                """,
                {"name": name, "rest": rest_seconds},
            )
            return bool(cursor.rowcount)
