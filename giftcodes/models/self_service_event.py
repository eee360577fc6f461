"""The journal of self-service: what players did by their links, and what officers decided."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from giftcodes.models.clock import Clock
from giftcodes.models.guild import Guild, Member


class SelfServiceKind(models.TextChoices):
    """What happened. The value is also the change reason of a member's version."""

    ASKED = "player:asked", _("Asked to join, by the guild's join link.")
    JOINED = "player:joined", _("Joined by the guild's join link.")
    APPROVED = "player:approved", _("An officer approved the player's request to join.")
    REFUSED = "player:refused", _("An officer refused a request to join.")
    LINK_MADE = "player:link", _("An officer made a personal link for the player.")
    RENEWED = "player:renewed", _("Renewed the personal link, by the player's own link.")
    CORRECTED = "player:corrected", _("Corrected by the player's own link.")
    LEFT = "player:left", _("Left the guild by the player's own link.")
    OPTED_OUT = "player:opted_out", _("Opted out by the player's own link.")
    OPTED_IN = "player:opted_in", _("Took the opt-out back by the player's own link.")
    DOWNLOADED = "player:downloaded", _("Downloaded the data by the player's own link.")
    ERASED = "player:erased", _("A player erased the data by the player's own link.")


def reason_words(reason: str) -> str | Promise:
    """A version's change reason in words. A reason that is no key is returned as it is stored."""
    return SelfServiceKind(reason).label if reason in SelfServiceKind.values else reason


class SelfServiceEvent(models.Model):
    """An entry of the journal. It names no player: the member is a reference, or null."""

    guild = models.ForeignKey(Guild, on_delete=models.CASCADE, related_name="self_service_events")
    member = models.ForeignKey(Member, on_delete=models.SET_NULL, null=True, related_name="+")
    kind = models.CharField(_("event"), max_length=20, choices=SelfServiceKind)
    #: The officer who decided. Null if the player acted.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    at = models.DateTimeField(_("at"), db_default=Clock())

    class Meta:
        ordering = ["-at", "-pk"]
        verbose_name = _("event of self-service")
        verbose_name_plural = _("events of self-service")
        default_permissions = ()
        indexes = [models.Index(fields=["guild", "at"], name="self_service_of_guild")]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M:%S}"
