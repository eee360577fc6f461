"""The Celery application. Its settings are the settings' `CELERY_` block; why they are so: decision 2."""

from __future__ import annotations

import os
import sys
from typing import Any

from celery import Celery, signals
from django.core.exceptions import ImproperlyConfigured
from kombu.asynchronous import get_event_loop

from redeemer.refusal import require_secret_key, show_in_one_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "redeemer.settings")
# Celery takes these before the settings. In a shell they are another project's, and our messages would go there.
for _name in (
    "BROKER_URL",
    "BROKER_READ_URL",
    "BROKER_WRITE_URL",
    "RESULT_BACKEND",
    "LOADER",
    "CONFIG_MODULE",
):
    os.environ.pop(f"CELERY_{_name}", None)

_JUST_AFTER_SECONDS = 0.001

show_in_one_line()
app = Celery("redeemer")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.setup_logging.connect
def _log_like_django(**_: Any) -> None:
    """Keep Celery from replacing the log configuration: one format for web, workers and beat."""
    from logging.config import dictConfig

    from django.conf import settings

    dictConfig(settings.LOGGING)


@signals.task_postrun.connect
def _fetch_the_next(**_: Any) -> None:
    """Wake the worker's loop when a thread becomes free.

    With prefetching switched off the loop fetches only when a thread is free, and does not notice by itself that one
    has become so: it sleeps until something else wakes it, about a tenth of a second (decision 2). The signal
    comes just before the request leaves the books; hence the millisecond.
    """
    if hub := get_event_loop():
        hub.call_soon(hub.call_later, _JUST_AFTER_SECONDS, _nothing)


def _nothing() -> None:
    """For the loop, to be woken is all."""


@signals.import_modules.connect(sender=app)
def _refuse_without_key(**_: Any) -> None:
    """Sent in workers and beat only, when they begin. Celery logs what a receiver raises, with its traceback, unless
    the receiver ends the process."""
    try:
        require_secret_key()
    except ImproperlyConfigured as error:
        sys.exit(str(error))


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
