"""Imports of members: who imported a list, into which guild, and whether it was undone."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from giftcodes.models.clock import Clock
from giftcodes.models.code import Source
from giftcodes.models.guild import Guild

#: Fields of a member that an import may set, and that undoing it restores.
IMPORTED_FIELDS = ("nickname", "realm", "consented_on", "active")


class MemberImport(models.Model):
    """An imported list that changed a guild. The members' versions show what it changed."""

    guild = models.ForeignKey(
        Guild, on_delete=models.PROTECT, related_name="imports", verbose_name=_("guild")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("by"),
    )
    source = models.CharField(_("from"), max_length=10, choices=Source)
    at = models.DateTimeField(_("when"), db_default=Clock())
    added = models.PositiveIntegerField(_("added"))
    updated = models.PositiveIntegerField(_("corrected"))
    reactivated = models.PositiveIntegerField(_("back again"))
    undone_at = models.DateTimeField(_("undone"), null=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("undone by"),
    )

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name = _("import of members")
        verbose_name_plural = _("imports of members")

    def __str__(self) -> str:
        words = gettext("import %(number)s into %(guild)s")
        return words % {"number": self.pk, "guild": self.guild}
