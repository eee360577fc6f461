from __future__ import annotations

from django.apps import AppConfig


class GiftcodesConfig(AppConfig):
    name = "giftcodes"
    verbose_name = "Gift codes"

    def ready(self) -> None:
        """Register the system checks."""
        from giftcodes import checks  # noqa: F401
