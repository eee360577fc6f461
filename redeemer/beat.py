"""Celery beat's scheduler, which reads the database. A bad row does not stop the other rows.

The rows belong to django-celery-beat, and people edit them. The scheduler of django-celery-beat
ends beat when a row cannot be read or saved, or when its next time cannot be computed. Beat would
then end each time it is started, and nothing would be redeemed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from celery.schedules import schedstate
from celery.utils.time import maybe_make_aware
from django.core.exceptions import ValidationError
from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from giftcodes.domain import log_lines
from giftcodes.models import Alarm
from giftcodes.notifications import alarms, announcements
from giftcodes.pipeline import directory, dispatch, poll
from giftcodes.sql import execute


@dataclass(frozen=True, slots=True)
class _Idle:
    """How an entry is sent while its task has nothing to do.

    Args:
        seconds_until_due: how long the task will have nothing to do. None if nothing is in sight.
        longest_seconds: the entry is sent at least this often.
        look_seconds: beat checks at least this often whether there is something to do.
    """

    seconds_until_due: Callable[[], float | None]
    longest_seconds: float
    look_seconds: float


def _seconds_until_message() -> float | None:
    return 0.0 if announcements.has_work() or alarms.has_notices() else None


_IDLE = {
    # Without a tick for ten seconds, `status` and `pulse` say that beat has stopped. After 30
    # seconds /healthz returns 503, and an alarm is raised. A member redemption that is tried again
    # waits for at least four seconds, so a tick every four seconds is often enough.
    "giftcodes.tasks.tick": _Idle(dispatch.seconds_until_due, 4.0, 4.0),
    "giftcodes.tasks.poll": _Idle(poll.seconds_until_due, 60.0, 15.0),
    "giftcodes.tasks.announce": _Idle(_seconds_until_message, 60.0, 15.0),
    # Players who no longer agree are forgotten within a minute.
    "giftcodes.tasks.directory": _Idle(directory.seconds_until_due, 60.0, 15.0),
}
#: Beat checks this often whether the schedule was edited, in seconds. Each look takes as
#: long as sending a message.
_EDITS_SECONDS = 5.0
#: A row that failed is tried again after this time, or when the schedule is edited.
RETRY_SECONDS = 60.0
_DATABASE_DOWN = (OperationalError, InterfaceError)


class TolerantEntry(ModelEntry):  # type: ignore[misc] # Untyped.
    """A row of the schedule."""

    def is_due(self) -> Any:
        """Return whether the row is due, and in how many seconds to check again.

        If the check raises an error, the row is skipped for RETRY_SECONDS.
        """
        try:
            due = super().is_due()
            if due.is_due and (wait := self._idle_seconds()):
                return schedstate(is_due=False, next=wait)
        except _DATABASE_DOWN:
            raise
        except Exception as error:  # noqa: BLE001 (one row must not stop the others)
            _report_skipped(self.name, error)
            return schedstate(is_due=False, next=RETRY_SECONDS)
        return due

    def _idle_seconds(self) -> float:
        """How long the entry need not be sent, in seconds.

        New work does not wait for beat: whatever adds work also enqueues the next step. So a tick
        is needed only when a window opens, when a retry is due, or when a message was lost.
        """
        idle = _IDLE.get(self.task)
        # With arguments, a task does something other than without them.
        if idle is None or self.args or self.kwargs:
            return 0.0
        try:
            with transaction.atomic():
                # If a table is locked, the other entries must not wait for it.
                execute("SET LOCAL statement_timeout = '1s'")
                wait = idle.seconds_until_due()
                execute("SET LOCAL statement_timeout TO DEFAULT")
        except DatabaseError:
            return 0.0
        since_last = (self._default_now() - maybe_make_aware(self.last_run_at)).total_seconds()
        left: float = idle.longest_seconds - since_last
        if left > 0:
            most = min(idle.look_seconds, left)
            return most if wait is None else min(wait, most)
        # An entry that is sent now is not due again for its interval. If its task has work before
        # that, such as a window that opens, the entry is sent then instead.
        interval = getattr(self.schedule, "run_every", None)  # A crontab has none.
        is_soon = wait is not None and interval is not None and wait < interval.total_seconds()
        return wait if wait is not None and is_soon else 0.0

    def save(self) -> None:
        """Store the time of the last run, even if the row fails its own validation.

        If it were not stored, the row would be due again at once.
        """
        try:
            super().save()
        except ValidationError as error:
            _report_skipped(self.name, error)
            PeriodicTask.objects.filter(pk=self.model.pk).update(
                last_run_at=self.model.last_run_at, total_run_count=self.model.total_run_count
            )


class TolerantScheduler(DatabaseScheduler):  # type: ignore[misc]
    """The scheduler that CELERY_BEAT_SCHEDULER names."""

    Entry = TolerantEntry

    _looked_at = -_EDITS_SECONDS

    def schedule_changed(self) -> bool:
        """Whether the schedule was edited. Beat's loop asks this several times a second."""
        now = time.monotonic()
        if now - self._looked_at < _EDITS_SECONDS:
            return False
        self._looked_at = now
        return bool(super().schedule_changed())

    def adjust(self, n: Any, drift: float = 0.0) -> Any:
        """Return in how many seconds an entry is checked, without Celery's correction.

        Celery would check 10 ms earlier. Then the entry would not be due yet, and would be checked
        over and over again, each time with statements, until it is due.
        """
        return super().adjust(n, drift)

    def all_as_schedule(self) -> dict[str, Any]:
        """Return every usable entry, by name."""
        found = {}
        failed = set()
        for pk, name in self.enabled_models_qs().values_list("pk", "name"):
            try:
                model = self.Model.objects.select_related(
                    "interval", "crontab", "solar", "clocked"
                ).get(pk=pk)
                found[name] = self.Entry(model, app=self.app)
                found[name].schedule.remaining_estimate(found[name].last_run_at)
            except _DATABASE_DOWN:
                raise
            except Exception as error:  # noqa: BLE001
                found.pop(name, None)
                failed.add(_report_skipped(name, error))
        _clear_other_alarms(failed)
        return found


def _subject(name: str) -> str:
    return f"beat: {name}"[:100]


def _report_skipped(name: str, error: Exception) -> str:
    """Raise the alarm that a row is skipped. Returns the alarm's subject."""
    message = (
        f"Beat skips “{name}” ({type(error).__name__}): its row in the schedule cannot be used. "
        "All other rows still run. Open this row under Schedule, and correct its dates and its "
        "interval."
    )
    if Alarm.objects.raise_once(Alarm.Kind.BAD_ROW, _subject(name), message):
        log_lines.warning(f"🔔 {message}")
    return _subject(name)


def _clear_other_alarms(failed: set[str]) -> None:
    alarms = Alarm.objects.standing().filter(kind=Alarm.Kind.BAD_ROW, subject__startswith="beat: ")
    alarms.exclude(subject__in=failed).clear_all()
