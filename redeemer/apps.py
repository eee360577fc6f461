from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class RedeemerConfig(AppConfig):
    """The project itself: its own commands."""

    name = "redeemer"


class RedeemerAdminConfig(AdminConfig):
    """Django's admin with our site. The site lives outside `giftcodes.admin`, which registers itself with it."""

    default_site = "giftcodes.admin_site.RedeemerSite"

    def ready(self) -> None:
        """Name the client's address in the log lines of a request."""
        from django_structlog.signals import bind_extra_request_metadata

        from redeemer.security import note_address

        super().ready()
        bind_extra_request_metadata.connect(note_address)
