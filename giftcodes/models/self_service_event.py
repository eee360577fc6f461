"""The journal of self-service: what players did by their links, and what officers decided."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from giftcodes.models.clock import Clock
from giftcodes.models.guild import Guild, Member


class SelfServiceKind(models.TextChoices):
    """What happened. The value is also the change reason of a member's version."""

    ASKED = "player:asked", _("Asked to join.")
    JOINED = "player:joined", _("Joined without the approval of an officer.")
    APPROVED = "player:approved", _("An officer approved the player's request to join.")
    REFUSED = "player:refused", _("An officer refused a request to join.")
    LINK_MADE = "player:link", _("An officer made a personal link for the player.")
    RENEWED = "player:renewed", _("The player renewed the personal link.")
    CORRECTED = "player:corrected", _("The player corrected the state or kingdom.")
    LEFT = "player:left", _("The player left the guild.")
    OPTED_OUT = "player:opted_out", _("The player opted out.")
    OPTED_IN = "player:opted_in", _("The player took the opt-out back.")
    DOWNLOADED = "player:downloaded", _("The player downloaded the data.")
    DISCORD_ENDED = "player:discord", _("An officer ended the player's link to a Discord user.")
    ERASED = "player:erased", _("A player erased the data.")


def reason_words(reason: str) -> str:
    """A version's change reason in words. A reason that is no `SelfServiceKind` is a sentence."""
    return str(SelfServiceKind(reason).label) if reason in SelfServiceKind.values else reason


class SelfServiceEvent(models.Model):
    """An entry of the journal. It has no player ID, only a reference to a member, or null."""

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
