"""Prune: delete old rows that prove nothing, but keep count of them (decision 10)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from giftcodes.models import PrunedFigure, database_now
from giftcodes.models.attempt import PRUNABLE
from giftcodes.sql import fetch, statement

#: The number of rows that one transaction deletes. Such a transaction takes a few ms, and little is
#: lost if it is interrupted.
BATCH = 500

#: The statements in sql/prune.sql, each with the kind of figure that counts its deleted rows.
FIGURES = {
    "attempts": PrunedFigure.Of.ATTEMPT,
    "entries": PrunedFigure.Of.EVENT,
    "runs": PrunedFigure.Of.EVENT,
}


@dataclass(frozen=True, slots=True)
class Pruned:
    """The numbers of deleted rows."""

    attempts: int
    entries: int


class Batch(NamedTuple):
    """The result of one batch.

    Args:
        last_id: the id of the batch's last row or, for the statement `runs`, of its last
            redemption. None if nothing was left.
        has_more_of_last: whether the last redemption may have more rows to delete.
        deleted: the number of deleted rows.
    """

    last_id: int | None
    has_more_of_last: bool
    deleted: int


def prune() -> Pruned:
    """Delete attempts and journal entries that are older than the settings say.

    This may be repeated, interrupted, and run twice at once: each batch is a separate transaction,
    and rows that another transaction holds are left to the next prune.

    Attempts that prove something, or have no decisive answer, are never deleted. The journal keeps
    the last run of each redemption.
    """
    attempts = entries = 0
    if days := settings.KEEP_ATTEMPTS_DAYS:
        attempts = _prune("attempts", days=days)
    if days := settings.KEEP_JOURNAL_DAYS:
        entries = _prune("entries", days=days) + _prune("runs", days=days)
    return Pruned(attempts, entries)


def _prune(name: str, *, days: int) -> int:
    """Delete batch after batch, in ascending order. Returns the number of deleted rows."""
    before = database_now() - dt.timedelta(days=days)
    first_id = deleted = 0
    while (batch := prune_batch(name, before=before, first_id=first_id)).last_id is not None:
        first_id = batch.last_id if batch.has_more_of_last else batch.last_id + 1
        deleted += batch.deleted
    return deleted


@transaction.atomic(durable=True)
def prune_batch(name: str, *, before: dt.datetime, first_id: int) -> Batch:
    """Delete some rows.

    Args:
        name: the statement in sql/prune.sql.
        before: delete only rows that are older than this.
        first_id: begin with the row of this id or, for the statement `runs`, with the redemption of
            this id.
    """
    parts = {"count_gone": statement("prune", "count_gone")}
    if name == "attempts":
        # Literals, so that the planner can use the partial index attempt_prunable.
        parts["prunable"] = ", ".join(f"'{outcome}'" for outcome in PRUNABLE)
    (row,) = fetch(
        statement("prune", name, **parts),
        before=before,
        first_id=first_id,
        of=FIGURES[name].value,
        batch=BATCH,
        zone=timezone.get_current_timezone_name(),
    )
    return Batch(*row)
