"""The number of the games' answers on each day."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from giftcodes.domain.outcomes import Outcome
from giftcodes.models import Attempt, PrunedFigure


def answers_per_day(
    first: dt.date, attempts: QuerySet[Attempt] | None
) -> dict[dt.date, dict[Outcome, int]]:
    """Count answers by day and outcome, in two queries: one for attempts, one for pruned attempts.

    Args:
        first: the first day, in the current time zone.
        attempts: the rows to count. None counts all rows, including pruned ones. Pruned rows are
            counted for all guilds together, so they cannot be limited to some guilds.
    """
    rows = Attempt.objects.all() if attempts is None else attempts
    since = timezone.make_aware(dt.datetime.combine(first, dt.time.min))
    found = (
        rows.filter(answered_at__gte=since)
        .exclude(outcome="")
        .order_by()
        .annotate(day=TruncDate("answered_at"))
        .values_list("day", "outcome")
        .annotate(number=Count("pk"))
    )
    pruned = PrunedFigure.objects.filter(of=PrunedFigure.Of.ATTEMPT, day__gte=first)
    if attempts is not None:
        pruned = pruned.none()
    counted: dict[dt.date, dict[Outcome, int]] = defaultdict(lambda: defaultdict(int))
    for day, outcome, number in [*found, *pruned.values_list("day", "what", "number")]:
        counted[day][Outcome(outcome)] += number
    return counted
