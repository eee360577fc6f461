"""Members as a file for a spreadsheet, in the columns that an import reads."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from django.http import HttpResponse

from giftcodes.management.history import harmless
from giftcodes.models import Member

if TYPE_CHECKING:
    from django.db.models import QuerySet

COLUMNS = ["player_id", "nickname", "realm", "consented_on", "guild", "active"]


def csv_of(members: QuerySet[Member]) -> HttpResponse:
    """A CSV file to download: a header and a line for each member. No cell of it is a formula.

    The realm is the member's own, and empty where the guild's holds.
    """
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="members.csv"'
    writer = csv.writer(response)
    writer.writerow(COLUMNS)
    found = members.order_by("guild__name", "player_id").values_list(
        "player_id", "nickname", "realm", "consented_on", "guild__name", "active"
    )
    for *cells, active in found.iterator():
        writer.writerow([harmless(cell) for cell in [*cells, "yes" if active else "no"]])
    return response
