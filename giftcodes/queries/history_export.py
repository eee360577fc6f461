"""The history as flat rows: one for each member redemption, read as a stream."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from django.db.models import Count, F, Max, Min

from giftcodes.models import MemberRedemption
from giftcodes.roster.cells import FORMULA_STARTS

CHUNK_ROWS = 2_000
#: A CSV file for a person begins with this mark, so that spreadsheets read it as UTF-8.
BYTE_ORDER_MARK = "\ufeff"

_SOURCES = {
    "guild": F("redemption__guild__name"),
    "provider": F("gift_code__provider"),
    "code": F("gift_code__code"),
    "issue": F("gift_code__issue"),
    "nickname": F("member__nickname"),
    "covered_by_guild": F("covered_by__redemption__guild__name"),
    "attempt_count": Count("attempts"),
    "first_sent_at": Min("attempts__sent_at"),
    "last_answered_at": Max("attempts__answered_at"),
}
#: The columns, in order. Other programs read them: new ones go to the end, and none is renamed.
COLUMNS = (
    "guild",
    "provider",
    "code",
    "issue",
    "player_id",
    "nickname",
    "state",
    "reason",
    "covered_by_guild",
    "attempt_count",
    "first_sent_at",
    "last_answered_at",
    "last_outcome",
    "settled_at",
    "updated_at",
)


def rows(
    *,
    guild_id: int | None = None,
    code: tuple[str, str] | None = None,
    since: dt.datetime | None = None,
) -> Iterator[dict[str, Any]]:
    """The rows, oldest redemption first, read a few thousand at a time.

    Args:
        guild_id: limits the rows to this guild.
        code: limits the rows to all issues of this code, given as its game and its folded text.
        since: limits the rows to those that have changed since then.
    """
    found = MemberRedemption.objects.all()
    if guild_id is not None:
        found = found.filter(redemption__guild_id=guild_id)
    if code is not None:
        found = found.filter(gift_code__provider=code[0], gift_code__folded=code[1])
    if since is not None:
        found = found.filter(updated_at__gte=since)
    annotated = (
        found.annotate(last_outcome=F("outcome"), **_SOURCES)
        .order_by("redemption_id", "pk")
        .values(*COLUMNS)
    )
    yield from annotated.iterator(chunk_size=CHUNK_ROWS)


def write_csv(found: Iterable[dict[str, Any]], stream: TextIO) -> int:
    """Write CSV with a header. No cell is a formula. Return the number of rows."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    number = 0
    for row in found:
        writer.writerow([harmless(_plain(row[column])) for column in COLUMNS])
        number += 1
    return number


def write_jsonl(found: Iterable[dict[str, Any]], stream: TextIO) -> int:
    """Write one JSON object in each line. Return the number of objects."""
    number = 0
    for row in found:
        stream.write(
            json.dumps({column: _plain(row[column]) for column in COLUMNS}, ensure_ascii=False)
            + "\n"
        )
        number += 1
    return number


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.datetime) else value


def harmless(cell: Any) -> Any:
    """Make a cell safe for spreadsheets, because a player may choose a formula as a nickname."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell
