"""Figures: count what /metrics shows but cannot count itself, because there are too many rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import transaction
from django.db.models import Count, F, QuerySet, Value

from giftcodes.domain.transitions import State
from giftcodes.models import (
    AlarmNotice,
    Announcement,
    Cursor,
    Guild,
    Heartbeat,
    KeptFigure,
    Member,
    Redemption,
    database_now,
)
from giftcodes.models.kept_figure import CURSOR
from giftcodes.sql import execute, fetch, statement

#: An attempt is added to the figures only this long after its answer. An answer is committed a
#: moment after its `answered_at`. Without this margin, a call in between would miss it.
MARGIN = dt.timedelta(minutes=2)


@transaction.atomic(durable=True)
def keep() -> None:
    """Bring the figures up to date. Two calls at once take turns, and an interrupted one is undone.

    A call costs one look at the attempts since the last call, and one at all members, redemptions
    and messages.
    """
    until = database_now() - MARGIN
    cursor, is_first = Cursor.objects.get_or_create(name=CURSOR, defaults={"at": until})
    if not is_first:
        cursor = Cursor.objects.select_for_update().get(name=CURSOR)
    if is_first or cursor.at < until:
        execute(
            statement("figures", "add_attempts"),
            after=None if is_first else cursor.at,
            until=until,
        )
        Cursor.move_to(CURSOR, until)
    KeptFigure.objects.exclude(of=KeptFigure.Of.ATTEMPTS).delete()
    KeptFigure.objects.bulk_create(_counted())
    Heartbeat.beat("keep_figures")


def _counted() -> Iterator[KeptFigure]:
    of = KeptFigure.Of
    none = Value("")
    yield from _of(of.GUILDS, Guild.objects.active(), F("provider"), none)
    members = Member.objects.eligible().filter(guild__active=True)
    yield from _of(of.MEMBERS, members, F("guild__provider"), none)
    for provider, number in fetch(statement("figures", "waiting")):
        yield KeptFigure(of=of.QUEUE, provider=provider, what=State.PENDING, number=number)
    yield from _of(of.RUNS, Redemption.objects.all(), F("gift_code__provider"), F("state"))
    yield from _of(of.ANNOUNCEMENTS, Announcement.objects.all(), none, F("state"))
    yield from _of(of.NOTICES, AlarmNotice.objects.all(), none, F("state"))


def _of(
    of: KeptFigure.Of, rows: QuerySet[Any], provider: F | Value, what: F | Value
) -> Iterable[KeptFigure]:
    """Count rows by game and by one more value."""
    counted = rows.order_by().values_list(provider, what).annotate(number=Count("pk"))
    return [KeptFigure(of=of, provider=row[0], what=row[1], number=row[2]) for row in counted]
