"""A message in the outbox: what announcements and notices to the operator have in common."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from giftcodes.models.clock import Clock
from giftcodes.models.fields import SentenceField


class DeliveryState(models.TextChoices):
    WAITING = "waiting", _("waiting")
    SENT = "sent", _("sent, being kept up to date")
    DONE = "done", _("delivered")
    UNKNOWN = "unknown", _("unknown: it may have been posted, and is not sent again")
    GONE = "gone", _("the message or the channel is gone")
    FAILED = "failed", _("given up")
    DROPPED = "dropped", _("not needed any more")


#: States in which a message must still be posted or edited.
UNFINISHED = (DeliveryState.WAITING, DeliveryState.SENT)


class Outbox(models.Model):
    """A message to a channel. A claim is a lease and a token, like a claim of a member redemption.

    A new message is posted at most once: `sending_at` is committed before the request, and cleared
    only by an answer that says that nothing was posted. If a claim's lease ends while `sending_at`
    is set, the state becomes `unknown`.

    The end of a run may be announced by an edit of an earlier message (`Announcement.message_id`).
    `sending_at` is set and cleared in the same way, but an edit without an answer is repeated,
    because it cannot announce the end twice. If an edit may have worked, the end is posted as a
    separate message only if the edited message is gone.
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
    error = SentenceField(_("error"), blank=True, default="", db_default="")
    token = models.PositiveIntegerField(default=0, db_default=0)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    @property
    def is_unfinished(self) -> bool:
        """Whether the message must still be posted or edited."""
        return self.state in UNFINISHED

    @property
    def may_have_been_posted(self) -> bool:
        """Whether a request for a new message was begun, and has no answer yet."""
        return self.state == DeliveryState.WAITING and self.sending_at is not None
