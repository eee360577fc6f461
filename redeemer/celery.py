"""The Celery application. Its settings are the settings' `CELERY_` block; why they are so: docs/decisions/0002."""

from __future__ import annotations

import os
import sys
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


@signals.worker_init.connect
def _judge_settings(**_: Any) -> None:
    """Stop the start where a system check finds an error. Celery runs the checks, and drops what they say."""
    import django
    from django.core.management.base import BaseCommand, SystemCheckError

    django.setup()
    try:
        BaseCommand().check()
    except SystemCheckError as error:
        sys.exit(str(error))
