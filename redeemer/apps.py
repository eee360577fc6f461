"""The project's Django apps."""

from __future__ import annotations

import sys

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class RedeemerConfig(AppConfig):
    """The project itself, for its management commands."""

    name = "redeemer"


class RedeemerAdminConfig(AdminConfig):
    """Django's admin with our site.

    The site is outside `giftcodes.admin`, whose modules register their pages with it.
    """

    default_site = "giftcodes.admin_site.RedeemerSite"

    def ready(self) -> None:
        """Add the client's address to the log lines of a request."""
        from django_structlog.signals import bind_extra_request_metadata

        from redeemer.security import bind_client_address

        # The Discord bot shows no pages, and takes 12 MB less without their modules.
        if sys.argv[1:2] != ["discord_bot"]:
            super().ready()
        bind_extra_request_metadata.connect(bind_client_address)
