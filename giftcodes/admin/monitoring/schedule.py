"""The schedule: what the system does on its own, and how often, in words. It is read-only.

The pulse is here, too: the times at which some of these tasks last ran.

The rows belong to Celery beat, and migrations insert them. A wrong period or a deleted row would
stop the system.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

import django_celery_beat.admin  # noqa: F401 - Registers the pages that are replaced below.
from celery.beat import Scheduler
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.utils import timezone
from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from giftcodes.admin.common.base import History
from giftcodes.admin.common.html import NOTHING, ago, badge
from giftcodes.models import Heartbeat

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.utils.safestring import SafeString

#: The beginning of the names of this software's tasks.
_TASKS = "giftcodes.tasks."
_WORDS = {
    "giftcodes.tasks.tick": _("Sends the requests that are due to the games."),
    "giftcodes.tasks.poll": _("Reads the feeds, to find new codes."),
    "giftcodes.tasks.sweep": _("Continues work that a stopped process left behind."),
    "giftcodes.tasks.catch_up": _("Serves new and corrected members."),
    "giftcodes.tasks.directory": _("Looks up members who have consented."),
    "giftcodes.tasks.announce": _("Sends the messages to the channels."),
    "giftcodes.tasks.alarms": _("Looks for problems that need a person."),
    "giftcodes.tasks.weekly": _("Sends weekly summaries, and messages to players in Discord."),
    "giftcodes.tasks.keep_figures": _("Counts rows, for programs that watch the system."),
    "giftcodes.tasks.prune": _("Deletes old requests and journal entries."),
    "celery.backend_cleanup": _("Deletes old results of Celery's own tasks."),
}
#: The scheduler notes the last runs in its rows only this often.
_NOTED_EVERY = dt.timedelta(seconds=Scheduler.sync_every)
#: A run may begin late, and be noted late, by this much in all.
_SLACK = dt.timedelta(minutes=1)
_UNITS: dict[str, Callable[[int], str]] = {
    IntervalSchedule.DAYS: lambda n: ngettext("every day", "every %(number)d days", n),
    IntervalSchedule.HOURS: lambda n: ngettext("every hour", "every %(number)d hours", n),
    IntervalSchedule.MINUTES: lambda n: ngettext("every minute", "every %(number)d minutes", n),
    IntervalSchedule.SECONDS: lambda n: ngettext("every second", "every %(number)d seconds", n),
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
    empty_hint = _(
        "The schedule is empty, so nothing is redeemed. Run: manage.py migrate / redeemer migrate"
    )
    list_display = ["what", "when", "state_shown", "last_run", "runs"]
    list_select_related = ["interval", "crontab", "clocked", "solar"]
    phone_columns = ("what", "when", "state_shown", "last_run")
    search_fields = ["name", "task"]
    search_help_text = _("Name in the schedule, such as in an alarm")
    fields = ["what", "when", "state_shown", "last_run", "runs", "name", "task"]
    readonly_fields = ["what", "when", "state_shown", "last_run", "runs"]

    def decorate(self, request: HttpRequest, rows: list[Any]) -> None:  # noqa: ARG002
        """Add the heartbeat of each task that leaves one."""
        beats = _beats()
        for row in rows:
            row.beat_at = beats.get(row.task)

    def get_object(self, *args: Any, **kwargs: Any) -> Any:
        row = super().get_object(*args, **kwargs)
        if row is not None:
            row.beat_at = _beats().get(row.task)
        return row

    def page_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        row = self.get_object(request, unquote(object_id))
        return {"subtitle": words_of(row.task, row.name) if row else ""}

    @admin.display(description=_("what it does"), ordering="name")
    def what(self, task: PeriodicTask) -> str:
        return words_of(task.task, task.name)

    @admin.display(description=_("when"))
    def when(self, task: PeriodicTask) -> str:
        return when_of(task)

    @admin.display(description=pgettext_lazy("of a row", "state"), ordering="enabled")
    def state_shown(self, task: PeriodicTask) -> SafeString:
        if not task.enabled:
            return badge("failed", _("off"))
        return badge("stop", _("late")) if is_late(task) else badge("on", _("on"))

    @admin.display(description=_("last run"), ordering="last_run_at", empty_value=NOTHING)
    def last_run(self, task: PeriodicTask) -> SafeString | str | None:
        return last_run_words(task)

    @admin.display(description=_("runs"), ordering="total_run_count")
    def runs(self, task: PeriodicTask) -> int:
        return int(task.total_run_count)


@admin.register(Heartbeat)
class HeartbeatAdmin(History):
    intro = _(
        "When some of the recurring tasks last ran. The first one runs four times a second while "
        "there is work, and every four seconds otherwise."
    )
    empty_hint = _("No periodic task has run yet.")
    list_display = ["what", "at_shown"]
    fields = ["what", "at_shown", "name"]
    readonly_fields = ["what", "at_shown"]
    ordering = ["-name"]

    def page_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:  # noqa: ARG002
        name = unquote(object_id)
        return {"subtitle": words_of(f"{_TASKS}{name}", name)}

    @admin.display(description=_("what it does"), ordering="name")
    def what(self, beat: Heartbeat) -> str:
        return words_of(f"{_TASKS}{beat.name}", beat.name)

    @admin.display(description=_("last run"), ordering="at")
    def at_shown(self, beat: Heartbeat) -> SafeString:
        return ago(beat.at)


def words_of(task: str, name: str) -> str:
    """What a task of the schedule does, in words. An unknown task has only its own name.

    Args:
        task: the name of the task in Celery.
        name: the name of its row, which is returned for an unknown task.
    """
    return str(_WORDS.get(task, name))


def _beats() -> dict[str, dt.datetime]:
    """The last run of each task that leaves a heartbeat, by the task's name."""
    return {f"{_TASKS}{name}": at for name, at in Heartbeat.objects.values_list("name", "at")}


def _last_known(task: Any) -> dt.datetime | None:
    """The newest run that is known: by the scheduler's row, or by the task's heartbeat."""
    return max(filter(None, (task.last_run_at, getattr(task, "beat_at", None))), default=None)


def _period(task: Any) -> dt.timedelta | None:
    """The time between two runs. None if it is not always the same."""
    if task.interval is None:
        return None
    return dt.timedelta(**{task.interval.period: task.interval.every})


def is_late(task: Any) -> bool:
    """Whether the last known run is so old that a later run should have been noted by now."""
    known, period = _last_known(task), _period(task)
    if known is None or period is None:
        return False
    return timezone.now() - known > period + _NOTED_EVERY + _SLACK


def last_run_words(task: Any) -> SafeString | str | None:
    """When a task last ran. None if no run is known.

    The scheduler notes the runs only now and then. So a task that runs more often than that has
    probably run after the run that is known.
    """
    known, period = _last_known(task), _period(task)
    if known is None:
        return None
    has_beat = known == getattr(task, "beat_at", None)
    if has_beat or period is None or period >= _NOTED_EVERY or is_late(task):
        return ago(known)
    minutes = max(math.ceil((timezone.now() - known).total_seconds() / 60), 1)
    words = ngettext("in the last minute", "in the last %(number)d minutes", minutes)
    return words % {"number": minutes}


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
            words = ngettext("%(number)d time a second", "%(number)d times a second", times)
            return words % {"number": times}
        return gettext("every %g seconds") % (number / _MICROSECONDS_OF_A_SECOND)
    for larger, smaller, units in _LARGER:
        if period == smaller and number % units == 0:
            return every(number // units, larger)
    unit = _UNITS.get(period)
    if unit is None:
        return f"{number} {period}"
    return unit(number) % {"number": number}


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
