"""Limits on how often something, such as a page without a login, is used. The database counts."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _

from giftcodes.secret_key import secret_key
from giftcodes.sql import fetch

# If not all of these uses are allowed, no row is returned, and none of them is counted.
_TAKE = """
INSERT INTO giftcodes_throttle AS t (key, used, resets_at)
SELECT %(key)s, %(number)s, clock_timestamp() + %(seconds)s * interval '1 second'
ON CONFLICT (key) DO UPDATE
SET used = CASE WHEN t.resets_at <= clock_timestamp() THEN EXCLUDED.used
                ELSE t.used + EXCLUDED.used END,
    resets_at = CASE WHEN t.resets_at <= clock_timestamp() THEN EXCLUDED.resets_at
                     ELSE t.resets_at END
WHERE t.resets_at <= clock_timestamp() OR t.used + EXCLUDED.used <= %(most)s
RETURNING used
"""
_LEFT = """
SELECT used, ceil(extract(epoch FROM resets_at - clock_timestamp()))::integer
FROM giftcodes_throttle WHERE key = %(key)s AND resets_at > clock_timestamp()
"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why uses are not allowed now.

    Args:
        left: how many uses are still allowed in this window.
        seconds: the seconds until the window ends. 0 if no window has begun. Then the uses are
            refused because a whole window allows fewer.
    """

    left: int
    seconds: int


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
        refusal = self.take_many(what, who, number=1, most=most, seconds=seconds)
        return max(1, refusal.seconds) if refusal else 0

    def take_many(
        self, what: str, who: str, *, number: int, most: int, seconds: int
    ) -> Refusal | None:
        """Count several uses, or none of them if they are not all allowed (see `take`).

        Args:
            what: what is used.
            who: who uses it.
            number: how many uses.
            most: how many uses are allowed in a window.
            seconds: the length of the window.

        Returns:
            None if the uses are allowed and counted, otherwise what is left.
        """
        key = keyed_hash(what, who)
        if number <= most and fetch(_TAKE, key=key, number=number, most=most, seconds=seconds):
            return None
        for used, until_end in fetch(_LEFT, key=key):
            return Refusal(max(0, most - used), max(1, until_end))
        return Refusal(most, 0)

    def seconds_until_allowed(self, what: str, who: str, *, most: int) -> int:
        """The seconds until one more use is allowed. 0 if it is allowed now. Counts nothing."""
        for used, until_end in fetch(_LEFT, key=keyed_hash(what, who)):
            return max(1, until_end) if used >= most else 0
        return 0


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
