"""All rows at one moment, as plain values, so that two moments can be compared."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import SimpleNamespace as Row

from django.db import connection

from giftcodes.models import EventKind

_ALL = """
SELECT json_build_object(
    'rows', (SELECT json_agg(m ORDER BY id) FROM giftcodes_memberredemption m),
    'redemptions', (SELECT json_agg(r ORDER BY id) FROM giftcodes_redemption r),
    'codes', (SELECT json_agg(c ORDER BY id) FROM giftcodes_giftcode c),
    'attempts', (SELECT json_agg(a ORDER BY id) FROM giftcodes_attempt a),
    'events', (SELECT json_agg(e ORDER BY id) FROM giftcodes_redemptionevent e)
)::text
"""
#: The endings of the names of columns with times. These are not compared, because the test moves
#: them when it lets time pass.
_TIMES = ("_at", "_until")


@dataclass(frozen=True)
class Snapshot:
    """Rows by id, without their times. A requested stop is kept as a flag."""

    rows: dict[int, Row]
    redemptions: dict[int, Row]
    codes: dict[int, Row]
    attempts: dict[int, Row]
    #: For each redemption id: the kinds of its events, oldest first.
    journal: dict[int, list[EventKind]]

    @classmethod
    def take(cls) -> Snapshot:
        with connection.cursor() as cursor:
            cursor.execute(_ALL)
            found = {
                name: _by_id(rows or []) for name, rows in json.loads(cursor.fetchone()[0]).items()
            }
        journal: dict[int, list[EventKind]] = {}
        for event in found.pop("events").values():
            journal.setdefault(event.redemption_id, []).append(EventKind(event.kind))
        return cls(**found, journal=journal)


def _by_id(rows: list[dict[str, object]]) -> dict[int, Row]:
    return {row["id"]: Row(**_lasting(row)) for row in rows}  # type: ignore[misc]


def _lasting(row: dict[str, object]) -> dict[str, object]:
    lasting = {name: value for name, value in row.items() if not name.endswith(_TIMES)}
    return {**lasting, "is_stopping": row.get("stop_requested_at") is not None}
