"""Announcements of runs in the channels of guilds."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from giftcodes.models.channel import Channel
from giftcodes.models.event import Trigger
from giftcodes.models.outbox import UNFINISHED, Outbox
from giftcodes.models.redemption import Redemption


class Announcement(Outbox):
    """A message to a guild's channel about one run. Each run has at most one of each kind.

    In a channel that allows edits, both kinds are one message: `started` posts it, and `complete`
    is its last edit.
    """

    class Kind(models.TextChoices):
        STARTED = "started", _("started")
        COMPLETE = "complete", _("complete")

    redemption = models.ForeignKey(
        Redemption,
        on_delete=models.PROTECT,
        related_name="announcements",
        verbose_name=_("redemption"),
    )
    run_number = models.PositiveIntegerField(_("run"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    message_id = models.CharField(
        _("message"), max_length=30, blank=True, default="", db_default=""
    )
    #: Hashes of the message's channel and text, so that an edit that changes nothing is not sent.
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
                condition=Q(state__in=[state.value for state in UNFINISHED]),
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
    def may_have_been_posted(self) -> bool:
        """Whether a request for a new message was begun, and has no answer yet.

        An edit of an earlier message does not count, because it can safely be repeated.
        """
        return super().may_have_been_posted and not self.message_id


def queue_complete(redemption: Redemption) -> None:
    """Queue the "complete" announcement of a run that has just ended.

    The guild must have a channel. Also, the start of the run must have been announced, or must be
    one that would have been announced if the guild had already had the channel.
    """
    run = {"redemption": redemption, "run_number": redemption.run_number}
    announced = Announcement.objects.filter(**run, kind=Announcement.Kind.STARTED)
    if not Channel.objects.filter(guild_id=redemption.guild_id).exists():
        return
    if (
        redemption.run_number == 1
        or Trigger(redemption.trigger).always_announced
        or announced.exists()
    ):
        complete = Announcement(**run, kind=Announcement.Kind.COMPLETE)
        Announcement.objects.bulk_create([complete], ignore_conflicts=True)
