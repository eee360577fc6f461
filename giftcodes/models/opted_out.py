"""Players who opted out."""

from __future__ import annotations

import hashlib
import hmac

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from giftcodes.models.clock import Clock
from giftcodes.models.fields import provider_choices
from giftcodes.secret_key import secret_key


def player_hash(provider: str, player_id: str) -> str:
    """A keyed hash of a player ID, so that the list of opt-outs does not reveal the players.

    Leading zeros are ignored, because an earlier release accepted IDs with them.
    """
    return _hash(secret_key(), provider, player_id)


def player_hashes(provider: str, player_id: str) -> list[str]:
    """The hashes under which an opt-out of a player may be stored.

    The first hash is made with SECRET_KEY, and the second with OLD_SECRET_KEY, if it is set.
    """
    old = [settings.OLD_SECRET_KEY] if settings.OLD_SECRET_KEY else []
    return [_hash(key, provider, player_id) for key in [secret_key(), *old]]


def _hash(key: str, provider: str, player_id: str) -> str:
    text = f"{provider}:{player_id.lstrip('0') or player_id}".encode()
    return hmac.new(f"opt-out:{key}".encode(), text, hashlib.sha256).hexdigest()


class OptOut(models.Model):
    """A player of a game for whom no code may be redeemed in any guild. No import can undo this.

    An opt-out in one guild is not a row of this table. It is a mark of the member in that guild.
    """

    player_hash = models.CharField(_("keyed hash"), max_length=64, primary_key=True)
    #: Empty for an opt-out of an earlier release, which did not store the game.
    provider = models.CharField(
        _("game"), max_length=20, choices=provider_choices, blank=True, default="", db_default=""
    )
    created_at = models.DateTimeField(_("since"), db_default=Clock())

    class Meta:
        verbose_name = _("opt-out")
        verbose_name_plural = _("opt-outs")

    def __str__(self) -> str:
        if self._state.adding:
            return gettext("Opt-out")
        return gettext("Opt-out since %s") % date_format(timezone.localtime(self.created_at))
