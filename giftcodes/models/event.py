"""The append-only journal of redemptions and codes."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from giftcodes.models.clock import Clock
from giftcodes.models.code import GiftCode
from giftcodes.models.fields import SentenceField


class Trigger(models.TextChoices):
    """What requested a run."""

    POLL = "poll", _("poll")
    ADMIN = "admin", _("admin")
    COMMAND = "command", _("command line")
    DISCORD = "discord", _("Discord")
    CATCH_UP = "catch_up", _("catch-up")
    SWEEP = "sweep", _("sweep")
    PROBE = "probe", _("probe")

    @property
    def is_person(self) -> bool:
        """Whether a person requested the run.

        A person reopens more rows than the automatic triggers, and may start a stopped redemption.
        """
        return self in (Trigger.ADMIN, Trigger.COMMAND, Trigger.DISCORD)

    @property
    def is_housekeeping(self) -> bool:
        """Whether this trigger adds late members to a run in progress, instead of being refused."""
        return self in (Trigger.CATCH_UP, Trigger.SWEEP)

    @property
    def always_announced(self) -> bool:
        """Whether this trigger's runs are announced even if they are for few members."""
        return self.is_person or self is Trigger.POLL


class EventKind(models.TextChoices):
    LOCKED = "locked", _("started")
    REFUSED = "refused", _("duplicate refused")
    UNLOCKED = "unlocked", _("finished")
    STOP_REQUESTED = "stop", _("stop requested")
    RESUMED = "resumed", _("resumed")
    JOINED = "joined", _("members joined")
    RECOVERED = "recovered", _("recovered")
    CODE_CLOSED = "code_closed", _("code closed")
    CODE_REOPENED = "code_reopened", _("code reopened")
    STALLED = "stalled", _("without progress")
    RESPELLED = "respelled", _("tried in another spelling")


class RedemptionEvent(models.Model):
    """An event with its user and time: a run began, a start was refused, or a code was closed."""

    redemption = models.ForeignKey(
        "giftcodes.Redemption",
        on_delete=models.PROTECT,
        related_name="events",
        null=True,
        verbose_name=_("redemption"),
    )
    gift_code = models.ForeignKey(
        GiftCode, on_delete=models.PROTECT, related_name="events", verbose_name=_("gift code")
    )
    kind = models.CharField(_("event"), max_length=15, choices=EventKind)
    run_number = models.PositiveIntegerField(_("run"), default=0)
    trigger = models.CharField(_("trigger"), max_length=10, choices=Trigger, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("by"),
    )
    detail = SentenceField(_("detail"), blank=True)
    at = models.DateTimeField(_("at"), db_default=Clock())

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name = _("journal entry")
        verbose_name_plural = _("journal")
        indexes = [
            models.Index(fields=["redemption", "id"], name="event_of_redemption"),
            models.Index(fields=["at"], name="event_refused", condition=Q(kind="refused")),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.at:%Y-%m-%d %H:%M:%S}"
