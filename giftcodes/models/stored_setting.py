"""Settings that an administrator entered in the browser. Their values are encrypted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from django.conf import settings
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from giftcodes.models.clock import Clock
from giftcodes.models.encrypted import EncryptedTextField, Unreadable, keyed_hash

#: A process reads the stored settings again after this time, so a change takes effect everywhere
#: within this time. Reading them for each request to a game would cost one more SQL statement.
KEPT_SECONDS = 2.0


class StoredSetting(models.Model):
    """The value of one setting, by the setting's name in the environment.

    The environment goes first: if it has the setting, this value is not used.
    """

    name = models.CharField(_("setting"), max_length=60, primary_key=True)
    value = EncryptedTextField(_("value"))
    set_at = models.DateTimeField(_("set"), db_default=Clock())
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("set by"),
    )

    class Meta:
        verbose_name = _("setting")
        verbose_name_plural = _("settings")
        #: Only administrators can open the page, so the model has no permissions of its own.
        default_permissions = ()

    def __str__(self) -> str:
        return self.name

    @property
    def is_readable(self) -> bool:
        """Whether there is a key for the value. If not, the setting counts as not set."""
        return not isinstance(self.value, Unreadable)

    @property
    def hash(self) -> str:
        """A hash of the value, which tells values apart without revealing them."""
        return keyed_hash("setting", self.value)[:6] if self.is_readable else ""


class _Kept(NamedTuple):
    until: float
    values: Mapping[str, str]


_kept: _Kept | None = None


def stored_values() -> Mapping[str, str]:
    """The stored settings that can be read, by name. They are at most `KEPT_SECONDS` old."""
    kept = _kept
    if kept is None or kept.until <= time.monotonic():
        return refresh_stored_values()
    return kept.values


def refresh_stored_values() -> Mapping[str, str]:
    """Read the stored settings now, for a page or a test that must not show old values."""
    global _kept
    now = time.monotonic()
    rows = StoredSetting.objects.values_list("name", "value")
    values = {name: value for name, value in rows if value}
    _kept = _Kept(now + KEPT_SECONDS, values)
    return values


def forget_stored_values() -> None:
    """Let this process read the stored settings again when they are next used."""
    global _kept
    _kept = None


def keep_stored_values(values: Mapping[str, str]) -> None:
    """For tests: use these values in this process until `forget_stored_values` is called."""
    global _kept
    _kept = _Kept(float("inf"), values)


def store(values: Mapping[str, str | None], *, user_id: int | None) -> None:
    """Store settings, and remove those whose value is None.

    Other processes use the change within `KEPT_SECONDS`; this process uses it after the commit.
    """
    with transaction.atomic():
        for name, value in values.items():
            if value is None:
                StoredSetting.objects.filter(pk=name).delete()
            else:
                StoredSetting.objects.update_or_create(
                    pk=name, defaults={"value": value, "set_at": Clock(), "set_by_id": user_id}
                )
        transaction.on_commit(forget_stored_values)
