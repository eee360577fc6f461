"""Beat's schedule from the database, where one bad row stops no other.

The rows belong to django-celery-beat, and people edit them. Its own scheduler ends beat where one row cannot be read,
cannot tell when it is due, or cannot be saved. Beat then ends at each start, and nothing is redeemed.
"""

from __future__ import annotations

from typing import Any

from celery.schedules import schedstate
from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from giftcodes.domain import log_lines
from giftcodes.models import Alarm

#: A row that fails is looked at again after so long, or when somebody changes the schedule.
AGAIN_IN_SECONDS = 60.0
_AWAY = (OperationalError, InterfaceError)


class PatientEntry(ModelEntry):  # type: ignore[misc] # Untyped.
    """A row of the schedule."""

    def is_due(self) -> Any:
        """Whether it is due, and when it is to be asked again; a row that cannot tell is left out for a while."""
        try:
            due = super().is_due()
        except _AWAY:
            raise
        except Exception as error:  # noqa: BLE001 (whatever it is, the others go on)
            _leave_out(self.name, error)
            return schedstate(is_due=False, next=AGAIN_IN_SECONDS)
        return due

    def save(self) -> None:
        """Note the last run. A row that its own rules refuse keeps the note all the same: else it would run again."""
        try:
            super().save()
        except ValidationError as error:
            _leave_out(self.name, error)
            noted = {
                "last_run_at": self.model.last_run_at,
                "total_run_count": self.model.total_run_count,
            }
            PeriodicTask.objects.filter(pk=self.model.pk).update(**noted)


class PatientScheduler(DatabaseScheduler):  # type: ignore[misc]
    """The scheduler that CELERY_BEAT_SCHEDULER names."""

    Entry = PatientEntry

    def all_as_schedule(self) -> dict[str, Any]:
        """Every entry that can be made, by name."""
        found = {}
        failed = set()
        for pk, name in self.enabled_models_qs().values_list("pk", "name"):
            try:
                model = self.Model.objects.select_related(
                    "interval", "crontab", "solar", "clocked"
                ).get(pk=pk)
                found[name] = self.Entry(model, app=self.app)
                found[name].schedule.remaining_estimate(found[name].last_run_at)
            except _AWAY:
                raise
            except Exception as error:  # noqa: BLE001
                found.pop(name, None)
                failed.add(_leave_out(name, error))
        _clear_all_but(failed)
        return found


def _subject(name: str) -> str:
    return f"beat: {name}"[:100]


def _leave_out(name: str, error: Exception) -> str:
    """Raise the alarm of a row. Returns its subject."""
    message = (
        f"Beat leaves out “{name}” ({type(error).__name__}): its row in the schedule cannot be used. The other rows go "
        f"on. Open it under Schedule, and correct its dates and its length."
    )
    if Alarm.objects.raise_once(Alarm.Kind.BAD_ROW, _subject(name), message):
        log_lines.warning(f"🔔 {message}")
    return _subject(name)


def _clear_all_but(failed: set[str]) -> None:
    mine = Alarm.objects.standing().filter(kind=Alarm.Kind.BAD_ROW, subject__startswith="beat: ")
    mine.exclude(subject__in=failed).clear_all()
