"""Players who opted out."""

from __future__ import annotations

import hashlib
import hmac

from django.db import models
from django.utils.translation import gettext_lazy as _

from giftcodes.models.clock import Clock
from giftcodes.secret_key import secret_key


def player_hash(provider: str, player_id: str) -> str:
    """A keyed hash of a player ID, so that the list of opt-outs does not reveal the players.

    Zeros in front of the ID do not count. An earlier version accepted them.
    """
    player_id = player_id.lstrip("0") or player_id
    key = f"opt-out:{secret_key()}".encode()
    return hmac.new(key, f"{provider}:{player_id}".encode(), hashlib.sha256).hexdigest()


class OptOut(models.Model):
    """A player for whom no code may be redeemed. No import can undo the opt-out."""

    player_hash = models.CharField(_("keyed hash"), max_length=64, primary_key=True)
    created_at = models.DateTimeField(_("since"), db_default=Clock())

    class Meta:
        verbose_name = _("opt-out")
        verbose_name_plural = _("opt-outs")

    def __str__(self) -> str:
        return f"{self.player_hash[:8]}…"
