"""The chart of the games' answers on each day: stacked bars, with a table of the same numbers."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.outcomes import ABOUT_THE_CODE, PROVING, Outcome, Scope, meaning
from giftcodes.queries.answers_per_day import answers_per_day

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from giftcodes.models import Attempt

DAYS = 14
WIDTH, HEIGHT = 560, 160
_GAP = 8

#: The parts of a bar, from the bottom to the top.
KINDS = {
    "good": _("has the code"),
    "bad": _("needs a person, or cannot have it"),
    "calm": _("the code does not work"),
    "care": _("asked again"),
}


@dataclass(frozen=True, slots=True)
class Segment:
    """A rectangle of a bar, in the units of the chart."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Day:
    """The answers of one day. The numbers are in the order of `KINDS`."""

    date: dt.date
    numbers: tuple[int, ...]
    x: float
    segments: tuple[Segment, ...]

    @property
    def total(self) -> int:
        """The number of answers on the day."""
        return sum(self.numbers)


@dataclass(frozen=True, slots=True)
class Chart:
    """The values that the template draws."""

    days: tuple[Day, ...]
    most: int

    @property
    def is_empty(self) -> bool:
        """Whether no game answered on any of these days."""
        return self.most == 0


def kind_of(outcome: Outcome) -> str:
    """The kind of an answer: a key of `KINDS`."""
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
    """The chart of the last two weeks.

    Args:
        attempts: the rows to count. None counts all rows, including pruned ones.
    """
    first = timezone.localdate() - dt.timedelta(days=DAYS - 1)
    found = answers_per_day(first, attempts)
    dates = [first + dt.timedelta(days=offset) for offset in range(DAYS)]
    return draw([(date, _numbers(found.get(date, {}))) for date in dates])


def _numbers(answers: dict[Outcome, int]) -> tuple[int, ...]:
    """The number of a day's answers of each kind, in the order of `KINDS`."""
    numbers = dict.fromkeys(KINDS, 0)
    for outcome, number in answers.items():
        numbers[kind_of(outcome)] += number
    return tuple(numbers.values())


def draw(counted: list[tuple[dt.date, tuple[int, ...]]]) -> Chart:
    """Lay out the bars. The tallest bar fills the whole height."""
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
