"""What is told to people: announcements, alarms; what players asked not to be done; and beat's pulse."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from giftcodes.models.clock import Clock

if TYPE_CHECKING:
    from giftcodes.models.redemption import Redemption


class Announcement(models.Model):
    """A message to a guild's channel about one run: the outbox. At most one of a kind for each run."""

    class Kind(models.TextChoices):
        STARTED = "started", _("started")
        COMPLETE = "complete", _("complete")

    redemption: models.ForeignKey[Redemption, Redemption] = models.ForeignKey(
        "giftcodes.Redemption", on_delete=models.PROTECT, related_name="announcements"
    )
    run_number = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind)
    created_at = models.DateTimeField(db_default=Clock())
    sending_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["redemption", "run_number", "kind"], name="one_announcement_of_a_kind")
        ]

    def __str__(self) -> str:
        return f"{self.kind} of run {self.run_number}"


class AlarmQuerySet(models.QuerySet["Alarm"]):
    def standing(self) -> AlarmQuerySet:
        return self.filter(cleared_at__isnull=True)

    def raise_once(self, kind: str, subject: str, message: str) -> bool:
        """Raise an alarm unless it stands already. True: it is new."""
        try:
            with transaction.atomic():
                self.create(kind=kind, subject=subject, message=message)
        except IntegrityError:
            return False
        return True

    def clear(self, kind: str, subject: str) -> bool:
        """Clear an alarm. True: it stood."""
        return bool(self.standing().filter(kind=kind, subject=subject).update(cleared_at=Clock()))


class Alarm(models.Model):
    """Something that needs a person, raised once and cleared once."""

    class Kind(models.TextChoices):
        PROVIDER_PAUSED = "provider_paused", _("provider paused")
        NO_PROGRESS = "no_progress", _("run without progress")

    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    subject = models.CharField(_("subject"), max_length=100)
    message = models.TextField(_("message"))
    raised_at = models.DateTimeField(_("raised"), db_default=Clock())
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


def player_hash(provider: str, player_id: str) -> str:
    """A keyed hash of a player ID, so that the list of those who opted out does not list them."""
    key = f"opt-out:{settings.SECRET_KEY}".encode()
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
