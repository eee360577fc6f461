"""The games' answers day by day, as stacked bars and as the table beside them."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.outcomes import ABOUT_THE_CODE, PROVING, Outcome, Scope, meaning
from giftcodes.models import Attempt, PrunedFigure

DAYS = 14
WIDTH, HEIGHT = 560, 160
_GAP = 8

#: What is counted together, from the bottom of a bar to its top.
KINDS = {
    "good": _("has the code"),
    "bad": _("needs a person, or cannot have it"),
    "calm": _("the code does not work"),
    "care": _("asked again"),
}


@dataclass(frozen=True, slots=True)
class Segment:
    """A rectangle of a bar, in the chart's own units."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Day:
    """What was answered on one day, in the order of `KINDS`."""

    date: dt.date
    numbers: tuple[int, ...]
    x: float
    segments: tuple[Segment, ...]

    @property
    def total(self) -> int:
        """All answers of the day."""
        return sum(self.numbers)


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything that the template draws."""

    days: tuple[Day, ...]
    most: int

    @property
    def is_empty(self) -> bool:
        """Nothing was answered in all these days."""
        return self.most == 0


def kind_of(outcome: Outcome) -> str:
    """Which of `KINDS` an answer counts as."""
    if outcome in PROVING:
        return "good"
    if outcome in ABOUT_THE_CODE:
        return "calm"
    row = meaning(outcome)
    is_final = (
        row.scope is Scope.MEMBER
        and row.decisive
        and outcome not in (Outcome.TOO_FREQUENT, Outcome.NOT_LOGIN)
    )
    return "bad" if is_final else "care"


def chart(attempts: QuerySet[Attempt] | None = None) -> Chart:
    """The last two weeks, in one query over the index of the answers' times, and one for what was pruned of them.

    Args:
        attempts: what is counted; None: everything, pruned ones too: those are counted for all guilds together.
    """
    rows = Attempt.objects.all() if attempts is None else attempts
    today = timezone.localdate()
    first = today - dt.timedelta(days=DAYS - 1)
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
    counted: dict[dt.date, dict[str, int]] = defaultdict(lambda: dict.fromkeys(KINDS, 0))
    for day, outcome, number in [*found, *pruned.values_list("day", "what", "number")]:
        counted[day][kind_of(Outcome(outcome))] += number
    dates = [first + dt.timedelta(days=offset) for offset in range(DAYS)]
    return draw([(date, tuple(counted[date].values())) for date in dates])


def draw(counted: list[tuple[dt.date, tuple[int, ...]]]) -> Chart:
    """Lay the bars out, the highest over the whole height."""
    most = max((sum(numbers) for _date, numbers in counted), default=0)
    step = WIDTH / max(len(counted), 1)
    days = [
        Day(
            date,
            numbers,
            round(place * step, 1),
            _bar(numbers, x=place * step, width=step - _GAP, most=most),
        )
        for place, (date, numbers) in enumerate(counted)
    ]
    return Chart(tuple(days), most)


def _bar(numbers: tuple[int, ...], *, x: float, width: float, most: int) -> tuple[Segment, ...]:
    segments: list[Segment] = []
    top = float(HEIGHT)
    for kind, number in zip(KINDS, numbers, strict=True):
        if number:
            height = HEIGHT * number / most
            top -= height
            segments.append(
                Segment(
                    kind, round(x + _GAP / 2, 1), round(top, 2), round(width, 1), round(height, 2)
                )
            )
    return tuple(segments)
