"""The export of members as a CSV file or a workbook, with the columns that an import reads."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse

from giftcodes.admin.common.confirmation import log
from giftcodes.admin.common.exporting import only_export
from giftcodes.domain.sentences import Sentence
from giftcodes.models import Guild, Member
from giftcodes.models.fields import without_notes
from giftcodes.queries.history_export import BYTE_ORDER_MARK, harmless

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

COLUMNS = ["player_id", "nickname", "realm", "consented_on", "guild", "active"]
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def exported(
    request: HttpRequest,
    members: QuerySet[Member],
    write: Callable[[QuerySet[Member]], HttpResponse],
) -> HttpResponse | None:
    """The file with these members. None if the person's last export is still being written.

    Args:
        request: the request of the person who exports.
        members: the members.
        write: returns the file.
    """
    with only_export(request) as is_free:
        if not is_free:
            return None
        log_export(request, members)
        return write(members)


def csv_of(members: QuerySet[Member]) -> HttpResponse:
    """A CSV file to download: a header, and a line for each member. No cell is a formula.

    The file begins with a byte order mark. Without it, Excel does not recognise UTF-8 and garbles
    names. The column for the realm is empty if the member has the guild's realm.
    """
    response = _download("members.csv", "text/csv; charset=utf-8")
    response.write(BYTE_ORDER_MARK)
    writer = csv.writer(response)
    writer.writerow(COLUMNS)
    for cells in _rows(members):
        writer.writerow([harmless(cell) for cell in cells])
    return response


def workbook_of(members: QuerySet[Member]) -> HttpResponse:
    """The table of `csv_of` as an Excel workbook to download.

    Text cells stay text, even if they look like a formula or a number.
    """
    # openpyxl is 175 modules. Imported here, it takes no memory before the first export.
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Members")
    sheet.freeze_panes = "A2"
    sheet.column_dimensions["A"].width = sheet.column_dimensions["B"].width = 20
    sheet.append(COLUMNS)
    for cells in _rows(members):
        sheet.append([_cell(sheet, cell) for cell in cells])
    response = _download("members.xlsx", _XLSX)
    book.save(response)
    return response


def log_export(request: HttpRequest, members: QuerySet[Member]) -> None:
    """Log the export in the history of each guild, because the data is personal."""
    ids = members.order_by().values("guild")
    guilds = without_notes(Guild.objects.filter(pk__in=ids))
    log(request, list(guilds), Sentence.of("did_export_members"))


def _download(name: str, content_type: str) -> HttpResponse:
    response = HttpResponse(content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _rows(members: QuerySet[Member]) -> Iterator[list[Any]]:
    found = members.order_by("guild__name", "player_id").values_list(
        "player_id", "nickname", "realm", "consented_on", "guild__name", "active"
    )
    for *cells, active in found.iterator():
        yield [*cells, "yes" if active else "no"]


def _cell(sheet: Any, value: Any) -> Any:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.utils.exceptions import IllegalCharacterError

    if not isinstance(value, str):
        return value
    try:
        cell = WriteOnlyCell(sheet, value)
    except IllegalCharacterError:  # A workbook cannot hold control characters.
        cell = WriteOnlyCell(sheet, "".join(char for char in value if char.isprintable()))
    cell.data_type = "s"
    return cell
