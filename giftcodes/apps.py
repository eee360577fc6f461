from __future__ import annotations

from django.apps import AppConfig


class GiftcodesConfig(AppConfig):
    name = "giftcodes"
    verbose_name = "Gift codes"

    def ready(self) -> None:
        """Register the system checks, and allow reading dates that are outside Python's range."""
        from giftcodes import checks  # noqa: F401
        from giftcodes.models.date_bounds import read_patiently

        read_patiently()
