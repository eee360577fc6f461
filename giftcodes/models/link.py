"""Links that work once and end: an invitation to an account, and a new password for an account.

The table holds a hash of the secret in the link. The link itself is shown once, when it is made.
"""

from __future__ import annotations

import datetime as dt
import secrets

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from giftcodes.models.clock import Clock
from giftcodes.models.fields import NameField
from giftcodes.models.guild import Guild
from giftcodes.models.roles import Role

#: After this many refused forms a link ends, because its holder may be trying out user names.
MOST_REFUSALS = 20
_SECRET_BYTES = 32


def new_secret() -> str:
    """A random secret for a link. It cannot be guessed."""
    return secrets.token_urlsafe(_SECRET_BYTES)


class LinkState(models.TextChoices):
    OPEN = "open", _("open")
    USED = "used", _("accepted")
    WITHDRAWN = "withdrawn", _("withdrawn")
    ENDED = "ended", _("ended")
    TRIED = "tried", _("tried too often")


class Link(models.Model):
    """A link that works once, until it ends or is withdrawn."""

    secret_hash = models.CharField(max_length=64, unique=True, editable=False)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("made by"),
    )
    created_at = models.DateTimeField(_("made"), db_default=Clock(), editable=False)
    ends_at = models.DateTimeField(_("ends"), editable=False)
    used_at = models.DateTimeField(_("used"), null=True, editable=False)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, editable=False)
    refusals = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    class Meta:
        abstract = True

    def state(self, now: dt.datetime) -> LinkState:
        """The state at this time."""
        if self.used_at is not None:
            return LinkState.USED
        if self.withdrawn_at is not None:
            return LinkState.WITHDRAWN
        if self.ends_at <= now:
            return LinkState.ENDED
        return LinkState.TRIED if self.refusals >= MOST_REFUSALS else LinkState.OPEN


class Invitation(Link):
    """An invitation to an account with a role, or to one more guild for an existing account."""

    invited = NameField(
        _("who is invited"),
        max_length=80,
        blank=True,
        help_text=_("For your own list, such as the name in the game. The person does not see it."),
    )
    role = models.CharField(_("role"), max_length=15, choices=Role, default=Role.OFFICER)
    guilds = models.ManyToManyField(
        Guild, verbose_name=_("guilds"), blank=True, related_name="invitations"
    )
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="invitations",
        verbose_name=_("accepted by"),
    )

    class Meta:
        ordering = ["-id"]
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")

    def __str__(self) -> str:
        return self.invited or str(_("Invitation %d") % self.pk)


class PasswordLink(Link):
    """A link with which a user chooses a new password."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="password_links",
        verbose_name=_("user"),
    )

    class Meta:
        verbose_name = _("password link")
        verbose_name_plural = _("password links")
        #: The page of a user makes these links; there is no list of them.
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.user}"
