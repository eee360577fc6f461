"""The rules for officers, which an administrator sets."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

_ONLY_ROW = 1


class NewCodes(models.TextChoices):
    """What happens to a code that an officer enters and that no one has entered before."""

    ADD = "add", _("Officers add new codes. A new code is redeemed at once.")
    PROPOSE = "propose", _("Officers propose new codes. An administrator approves each of them.")


class OfficerRules(models.Model):
    """The rules that were set in the browser. There is at most one row."""

    new_codes = models.CharField(
        _("new codes"), max_length=10, choices=NewCodes, default=NewCodes.ADD
    )

    class Meta:
        verbose_name = _("rules for officers")
        verbose_name_plural = _("rules for officers")
        #: Only administrators can open the page, so the model has no permissions of its own.
        default_permissions = ()

    def __str__(self) -> str:
        return str(self._meta.verbose_name)


def new_codes() -> NewCodes:
    """What happens to new codes of officers. The setting `OFFICER_CODES` has precedence."""
    if settings.OFFICER_CODES:
        return NewCodes(settings.OFFICER_CODES)
    stored = OfficerRules.objects.filter(pk=_ONLY_ROW).values_list("new_codes", flat=True).first()
    return NewCodes(stored) if stored else NewCodes.ADD


def set_new_codes(choice: NewCodes) -> None:
    """Store the choice."""
    OfficerRules.objects.update_or_create(pk=_ONLY_ROW, defaults={"new_codes": choice})
