"""Bounds for the schedule of Celery beat.

The models of the schedule belong to a package whose forms accept any date. The periods are rows
that operators edit in the admin. Migrations insert them (0002_schedule and the later migrations
whose names end in `_schedule`).
"""

from __future__ import annotations

from django.core.validators import MaxValueValidator
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import ClockedSchedule, IntervalSchedule, PeriodicTask

from giftcodes.domain.validators import validate_moment

#: The largest number of units in a period. This many days can still be added to today's date. This
#: many seconds are about a month.
MAX_UNITS = 2_500_000


def bound_the_schedule() -> None:
    """Add bounds to the times and periods of the models. Every form of the models then has them."""
    bounded = (
        (PeriodicTask, "expires"),
        (PeriodicTask, "start_time"),
        (ClockedSchedule, "clocked_time"),
    )
    for model, name in bounded:
        _add(model._meta.get_field(name), validate_moment)
    longest = MaxValueValidator(
        MAX_UNITS, _("This is too long. Set %(limit_value)s at most, or a larger unit.")
    )
    _add(IntervalSchedule._meta.get_field("every"), longest)


def _add(field: object, validator: object) -> None:
    validators: list[object] = field.validators  # type: ignore[attr-defined]
    if validator not in validators:
        validators.append(validator)
