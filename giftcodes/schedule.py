"""What a person may enter for beat: its tables belong to a package, whose forms take any date."""

from __future__ import annotations

from django.core.validators import MaxValueValidator
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import ClockedSchedule, IntervalSchedule, PeriodicTask

from giftcodes.domain.validators import validate_moment

#: In days, this is as long as can be counted on from today; in seconds it is a month.
MOST_UNITS = 2_500_000


def bound_the_schedule() -> None:
    """Give the moments and lengths of the schedule bounds, for each form there is: its own, and those inside others."""
    bounded = (
        (PeriodicTask, "expires"),
        (PeriodicTask, "start_time"),
        (ClockedSchedule, "clocked_time"),
    )
    for model, name in bounded:
        _add(model._meta.get_field(name), validate_moment)
    longest = MaxValueValidator(
        MOST_UNITS, _("This is too long. Set %(limit_value)s at most, or a larger unit.")
    )
    _add(IntervalSchedule._meta.get_field("every"), longest)


def _add(field: object, validator: object) -> None:
    validators: list[object] = field.validators  # type: ignore[attr-defined]
    if validator not in validators:
        validators.append(validator)
