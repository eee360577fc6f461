"""The chart of the games' answers on each day: stacked bars, with a table of the same numbers.

The parts of a bar have the colours and the words of the bars that show who has a code.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import ngettext

from giftcodes.domain.dates import worded
from giftcodes.domain.lists import joined
from giftcodes.domain.outcomes import Outcome
from giftcodes.domain.served import SHARE_LABELS, Share, share_of_answer
from giftcodes.queries.answers_per_day import answers_per_day

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from giftcodes.models import Attempt

DAYS = 14
WIDTH, HEIGHT = 420, 150
#: The width at the left for the numbers of the axis.
AXIS = 48
_GAP = 8
#: The maximum number of steps of the axis, from 0 to its highest number.
_STEPS = 4


@dataclass(frozen=True, slots=True)
class Segment:
    """A rectangle of a bar, in the units of the chart."""

    share: Share
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Day:
    """The answers of one day. The bar is centred on `x`; `numbers` is in the order of `Share`."""

    date: dt.date
    numbers: tuple[int, ...]
    x: float
    segments: tuple[Segment, ...]

    @property
    def total(self) -> int:
        """The number of answers on the day."""
        return sum(self.numbers)


@dataclass(frozen=True, slots=True)
class Tick:
    """A number on the axis, and its height in the units of the chart."""

    number: int
    y: float


@dataclass(frozen=True, slots=True)
class Chart:
    """The values that the template draws. `most` is the highest number of answers on a day."""

    days: tuple[Day, ...]
    most: int
    ticks: tuple[Tick, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether no game answered on any of these days."""
        return self.most == 0

    @property
    def words(self) -> str:
        """The chart in words, for those who do not see it."""
        busiest = max(self.days, key=lambda day: day.total)
        sums = [sum(numbers) for numbers in zip(*(day.numbers for day in self.days), strict=True)]
        words = ngettext(
            "%(all)d answer in %(days)d days: %(shares)s. Most on %(date)s: %(most)d.",
            "%(all)d answers in %(days)d days: %(shares)s. Most on %(date)s: %(most)d.",
            sum(sums),
        )
        shares = (
            f"{label} {number}" for label, number in zip(SHARE_LABELS.values(), sums, strict=True)
        )
        return words % {
            "all": sum(sums),
            "days": len(self.days),
            "shares": joined(shares),
            "date": worded(busiest.date, "j F"),
            "most": busiest.total,
        }


def context(attempts: QuerySet[Attempt] | None) -> dict[str, Any]:
    """What the template of the chart needs. See `chart`."""
    shown = chart(attempts)
    return {"chart": shown, "shares": SHARE_LABELS, "width": WIDTH, "height": HEIGHT, "axis": AXIS}


def chart(attempts: QuerySet[Attempt] | None) -> Chart:
    """The chart of the last two weeks.

    Args:
        attempts: the rows to count. None counts all rows, including pruned ones, for a person who
            sees all guilds.
    """
    first = timezone.localdate() - dt.timedelta(days=DAYS - 1)
    found = answers_per_day(first, attempts)
    dates = [first + dt.timedelta(days=offset) for offset in range(DAYS)]
    return draw([(date, _numbers(found.get(date, {}))) for date in dates])


def _numbers(answers: dict[Outcome, int]) -> tuple[int, ...]:
    """The number of a day's answers in each share, in the order of `Share`."""
    numbers = dict.fromkeys(Share, 0)
    for outcome, number in answers.items():
        numbers[share_of_answer(outcome)] += number
    return tuple(numbers.values())


def draw(counted: list[tuple[dt.date, tuple[int, ...]]]) -> Chart:
    """Lay out the bars. A bar of the full height stands for the highest number of the axis."""
    most = max((sum(numbers) for _date, numbers in counted), default=0)
    top, ticks = _axis(most)
    step = (WIDTH - AXIS) / max(len(counted), 1)
    days = [
        Day(
            date,
            numbers,
            round(AXIS + (place + 0.5) * step, 1),
            _bar(numbers, x=AXIS + place * step, width=step - _GAP, top_number=top),
        )
        for place, (date, numbers) in enumerate(counted)
    ]
    return Chart(tuple(days), most, ticks)


def _axis(most: int) -> tuple[int, tuple[Tick, ...]]:
    """The highest number of the axis, and its ticks: 0 and the multiples of a round step."""
    steps = (number * 10**power for power in count() for number in (1, 2, 5))
    step = next(step for step in steps if step * _STEPS >= most)
    top = step * max(1, -(-most // step))
    numbers = range(0, top + 1, step)
    return top, tuple(Tick(number, round(HEIGHT * (1 - number / top), 2)) for number in numbers)


def _bar(
    numbers: tuple[int, ...], *, x: float, width: float, top_number: int
) -> tuple[Segment, ...]:
    segments: list[Segment] = []
    top = float(HEIGHT)
    for share, number in zip(Share, numbers, strict=True):
        if number:
            height = HEIGHT * number / top_number
            top -= height
            segments.append(
                Segment(
                    share, round(x + _GAP / 2, 1), round(top, 2), round(width, 1), round(height, 2)
                )
            )
    return tuple(segments)
