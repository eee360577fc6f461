"""The project's Django apps."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks


class RedeemerConfig(AppConfig):
    """The project itself, for its management commands."""

    name = "redeemer"


class RedeemerAdminConfig(SimpleAdminConfig):
    """Django's admin with our site.

    The site is outside `giftcodes.admin`, whose modules register their pages with it. Only the URLs
    load these modules, because workers, beat and the Discord bot show no pages.
    """

    default_site = "giftcodes.admin_site.RedeemerSite"

    def ready(self) -> None:
        """Register checks, log the client's address of each request, send errors and traces."""
        from django_structlog.signals import bind_extra_request_metadata

        from redeemer.security import bind_client_address

        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(_check_pages, checks.Tags.admin)
        bind_extra_request_metadata.connect(bind_client_address)
        if settings.SENTRY_DSN:
            # The import takes 1.3 MB of memory, so only processes that send errors do it.
            from redeemer import sentry

            sentry.start(settings.SENTRY_DSN)
        if settings.SENDS_TRACES:
            from redeemer import tracing

            tracing.start()


def _check_pages(app_configs: Any, **options: Any) -> list[checks.CheckMessage]:
    """Check the pages of the admin, after loading them."""
    import_module(settings.ROOT_URLCONF)
    return check_admin_app(app_configs, **options)
