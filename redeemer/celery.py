"""The Celery application. Its settings are the settings' `CELERY_` block; why they are so: docs/decisions/0002."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "redeemer.settings")

app = Celery("redeemer")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.setup_logging.connect
def _log_like_django(**_: Any) -> None:
    """Keep Celery from replacing the log configuration: one format for web, workers and beat."""
    from logging.config import dictConfig

    from django.conf import settings

    dictConfig(settings.LOGGING)
