"""The schedule: what the system does on its own, and how often, in words. It is read-only.

The rows belong to Celery beat, and migrations insert them. A wrong period or a deleted row would
stop the system.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import django_celery_beat.admin  # noqa: F401 - Registers the pages that are replaced below.
from django.contrib import admin
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from giftcodes.admin.common.base import History
from giftcodes.admin.common.html import NOTHING, badge

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.utils.safestring import SafeString

_UNITS: dict[str, Callable[[int], str]] = {
    IntervalSchedule.DAYS: lambda number: ngettext("every day", "every %d days", number),
    IntervalSchedule.HOURS: lambda number: ngettext("every hour", "every %d hours", number),
    IntervalSchedule.MINUTES: lambda number: ngettext("every minute", "every %d minutes", number),
    IntervalSchedule.SECONDS: lambda number: ngettext("every second", "every %d seconds", number),
}
_MICROSECONDS_OF_A_SECOND = 1_000_000
#: A unit, the next smaller unit, and how many of the smaller make one of the larger.
_LARGER = (
    (IntervalSchedule.MINUTES, IntervalSchedule.SECONDS, 60),
    (IntervalSchedule.HOURS, IntervalSchedule.MINUTES, 60),
    (IntervalSchedule.DAYS, IntervalSchedule.HOURS, 24),
)


# Only the periodic tasks get pages, below. A period has no meaning without its task.
for _model in (PeriodicTask, IntervalSchedule, CrontabSchedule, ClockedSchedule, SolarSchedule):
    admin.site.unregister(_model)


@admin.register(PeriodicTask)
class ScheduleAdmin(History):
    intro = _(
        "What the system does on its own, and how often. Nothing can be changed here, because a "
        "wrong period would stop the system."
    )
    empty_hint = _("The schedule is empty, so nothing is redeemed. Run: manage.py migrate")
    list_display = ["name", "when", "state_shown", "last_run", "runs"]
    list_select_related = ["interval", "crontab", "clocked", "solar"]
    phone_columns = ("name", "when", "state_shown")
    fields = ["name", "when", "state_shown", "last_run", "runs"]
    readonly_fields = ["when", "state_shown", "last_run", "runs"]

    @admin.display(description=_("when"))
    def when(self, task: PeriodicTask) -> str:
        return when_of(task)

    @admin.display(description=_("state"), ordering="enabled")
    def state_shown(self, task: PeriodicTask) -> SafeString:
        return badge("on", _("on")) if task.enabled else badge("failed", _("off"))

    @admin.display(description=_("last run"), ordering="last_run_at", empty_value=NOTHING)
    def last_run(self, task: PeriodicTask) -> Any:
        return task.last_run_at

    @admin.display(description=_("runs"), ordering="total_run_count")
    def runs(self, task: PeriodicTask) -> int:
        return int(task.total_run_count)


def when_of(task: Any) -> str:
    """When a task of the schedule runs, such as `every 15 seconds` or `at 04:10`."""
    if task.interval is not None:
        return every(task.interval.every, task.interval.period)
    if task.crontab is not None:
        return _of_crontab(task.crontab)
    if task.clocked is not None:
        moment = task.clocked.clocked_time
        return gettext("once, at %s") % f"{moment:%Y-%m-%d %H:%M %Z}"
    # A row of a kind that this software never makes.
    return str(task.solar) if task.solar is not None else NOTHING


def every(number: int, period: str) -> str:
    """An interval in words.

    Args:
        number: the length, in units of the period.
        period: a period of `IntervalSchedule`, such as `seconds`.
    """
    if period == IntervalSchedule.MICROSECONDS:
        if number % _MICROSECONDS_OF_A_SECOND == 0:
            return every(number // _MICROSECONDS_OF_A_SECOND, IntervalSchedule.SECONDS)
        if number < _MICROSECONDS_OF_A_SECOND and _MICROSECONDS_OF_A_SECOND % number == 0:
            times = _MICROSECONDS_OF_A_SECOND // number
            return ngettext("every second", "%d times a second", times) % times
        return gettext("every %g seconds") % (number / _MICROSECONDS_OF_A_SECOND)
    for larger, smaller, units in _LARGER:
        if period == smaller and number % units == 0:
            return every(number // units, larger)
    unit = _UNITS.get(period)
    if unit is None:
        return f"{number} {period}"
    words = unit(number)
    return words % number if "%d" in words else words


def _of_crontab(crontab: Any) -> str:
    """A time of day in words. Other times are in the words of django_celery_beat."""
    days = (crontab.day_of_week, crontab.day_of_month, crontab.month_of_year)
    if crontab.minute.isdecimal() and days == ("*", "*", "*"):
        if crontab.hour.isdecimal():
            return gettext("at %(hour)02d:%(minute)02d (%(zone)s)") % {
                "hour": int(crontab.hour),
                "minute": int(crontab.minute),
                "zone": crontab.timezone,
            }
        if crontab.hour == "*":
            minute = int(crontab.minute)
            words = ngettext(
                "%d minute after every full hour", "%d minutes after every full hour", minute
            )
            return words % minute
    return str(crontab.human_readable)
