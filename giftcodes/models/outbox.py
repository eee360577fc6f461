"""A message on its way to a channel: the fields that all such models share."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from giftcodes.domain import failpoints
from giftcodes.models.clock import Clock

#: A claim lasts for one message (`ANNOUNCE_SECONDS`) and this margin; half of it is for waiting in
#: the queue.
LEASE_MARGIN_SECONDS = failpoints.seconds("ANNOUNCE_MARGIN_SECONDS", 20.0)


LONGEST_DELAY_SECONDS = 600.0


#: The most for connecting to the service of a message.
CONNECT_SECONDS = 3.0


class DeliveryState(models.TextChoices):
    WAITING = "waiting", _("waiting")
    SENT = "sent", _("sent, being kept up to date")
    DONE = "done", _("delivered")
    UNKNOWN = "unknown", _("unknown: it may have been posted, and is not sent again")
    GONE = "gone", _("the message or the channel is gone")
    FAILED = "failed", _("given up")
    DROPPED = "dropped", _("not needed any more")


class Outbox(models.Model):
    """A message on its way. A claim is a lease and a token, as for member redemptions.

    A new message is posted at most once: `sending_at` is written before its request, and cleared
    only by an answer that says that nothing was posted. A claim that ends with `sending_at` leaves
    the message unknown. If the end of a run is an edit, `sending_at` is kept in the same way, and
    the edit is repeated; once an edit had no answer, the end is never posted as a separate message
    beside it.
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
