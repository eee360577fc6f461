"""The words below a list that count its members. They agree with the numbers on other pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from giftcodes.domain.lists import joined

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList


def number_words(rows: ChangeList) -> str:
    """How many members of a list get codes, and how many do not, in one statement.

    The words are such as `38 members, 1 opted out, 12 inactive`. If no member of the list gets
    codes, they are such as `12 inactive members`. They are empty for an empty list.
    """
    found = rows.queryset.order_by().aggregate(
        out=Count("pk", filter=Q(active=True, opted_out=True)),
        inactive=Count("pk", filter=Q(active=False)),
    )
    number = rows.result_count - found["out"] - found["inactive"]
    out, inactive = found["out"], found["inactive"]
    parts = []
    if number > 0:
        parts.append(ngettext("%d member", "%d members", number) % number)
    if out:
        words = ngettext("%d member opted out", "%d members opted out", out)
        parts.append((_("%d opted out") if parts else words) % out)
    if inactive:
        words = ngettext("%d inactive member", "%d inactive members", inactive)
        parts.append((_("%d inactive") if parts else words) % inactive)
    return joined(parts)
