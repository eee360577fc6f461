"""What is left of rows that are not kept for ever: their number."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from giftcodes.admin.common.base import History
from giftcodes.models import PrunedFigure


@admin.register(PrunedFigure)
class PrunedFigureAdmin(History[PrunedFigure]):
    intro = _(
        "How many attempts and journal entries of each day were deleted because of their age."
    )
    empty_hint = _("Nothing was old enough yet.")
    list_display = ["day", "provider", "of", "what", "number"]
    list_filter = ["of", "provider"]
