"""Limits on how often something is used, such as a page without a login. The database counts."""

from __future__ import annotations

import hashlib
import hmac

from django.db import models
from django.utils.translation import gettext_lazy as _

from giftcodes.secret_key import secret_key
from giftcodes.sql import fetch

_TAKE = """
INSERT INTO giftcodes_throttle AS t (key, used, resets_at)
VALUES (%(key)s, 1, clock_timestamp() + %(seconds)s * interval '1 second')
ON CONFLICT (key) DO UPDATE
SET used = CASE WHEN t.resets_at <= clock_timestamp() THEN 1
                ELSE least(t.used, %(most)s) + 1 END,
    resets_at = CASE WHEN t.resets_at <= clock_timestamp() THEN EXCLUDED.resets_at
                     ELSE t.resets_at END
RETURNING used, ceil(extract(epoch FROM resets_at - clock_timestamp()))::integer
"""


class ThrottleQuerySet(models.QuerySet["Throttle"]):
    def take(self, what: str, who: str, *, most: int, seconds: int) -> int:
        """Count one use, and say whether it is allowed.

        Args:
            what: what is used, such as `join`.
            who: who uses it, such as an address. The table holds only a keyed hash of it.
            most: how many uses are allowed in a window.
            seconds: the length of the window, which begins with its first use.

        Returns:
            0 if the use is allowed. Otherwise the seconds until the window ends.
        """
        ((used, left),) = fetch(_TAKE, key=keyed_hash(what, who), most=most, seconds=seconds)
        return 0 if used <= most else max(1, left)


def keyed_hash(what: str, who: str) -> str:
    """What tables hold instead of an address. Without the secret key it cannot be computed.

    Args:
        what: what is used. The hashes of one address for several uses have nothing in common.
        who: who uses it, such as an address.
    """
    key = f"throttle:{secret_key()}".encode()
    return hmac.new(key, f"{what}:{who}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()


class Throttle(models.Model):
    """How often something was used in the current window."""

    key = models.CharField(_("keyed hash"), max_length=64, primary_key=True)
    used = models.PositiveIntegerField(_("uses"))
    resets_at = models.DateTimeField(_("resets"))

    objects = ThrottleQuerySet.as_manager()

    class Meta:
        verbose_name = _("throttle")
        verbose_name_plural = _("throttles")
        default_permissions = ()
        indexes = [models.Index(fields=["resets_at"], name="throttle_resets")]

    def __str__(self) -> str:
        return f"{self.key[:8]}…"
