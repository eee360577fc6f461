"""Players who opted out."""

from __future__ import annotations

import hashlib
import hmac

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from giftcodes.models.clock import Clock
from giftcodes.secret_key import secret_key


def player_hash(provider: str, player_id: str) -> str:
    """A keyed hash of a player ID, so that the list of opt-outs does not reveal the players."""
    return _hash(secret_key(), provider, player_id)


def player_hashes(provider: str, player_id: str) -> list[str]:
    """The hashes under which an opt-out of a player may be stored.

    The first is that of SECRET_KEY. The second is that of OLD_SECRET_KEY, if it is set.
    """
    old = [settings.OLD_SECRET_KEY] if settings.OLD_SECRET_KEY else []
    return [_hash(key, provider, player_id) for key in [secret_key(), *old]]


def _hash(key: str, provider: str, player_id: str) -> str:
    text = f"{provider}:{player_id}".encode()
    return hmac.new(f"opt-out:{key}".encode(), text, hashlib.sha256).hexdigest()


class OptOut(models.Model):
    """A player for whom no code may be redeemed. No import can undo the opt-out."""

    player_hash = models.CharField(_("keyed hash"), max_length=64, primary_key=True)
    created_at = models.DateTimeField(_("since"), db_default=Clock())

    class Meta:
        verbose_name = _("opt-out")
        verbose_name_plural = _("opt-outs")

    def __str__(self) -> str:
        return f"{self.player_hash[:8]}…"
