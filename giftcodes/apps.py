from __future__ import annotations

from django.apps import AppConfig


class GiftcodesConfig(AppConfig):
    name = "giftcodes"
    verbose_name = "Gift codes"

    def ready(self) -> None:
        """Register the system checks, and keep dates and the schedule within bounds."""
        from giftcodes import checks  # noqa: F401
        from giftcodes.models.date_bounds import read_patiently
        from giftcodes.schedule import bound_the_schedule

        read_patiently()
        bound_the_schedule()
