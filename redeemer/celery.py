"""The Celery application. Decision 2 explains its settings (`CELERY_…`)."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from celery import Celery, signals
from django.core.exceptions import ImproperlyConfigured
from kombu.asynchronous import get_event_loop

from redeemer import broker
from redeemer.startup_errors import install_excepthook, require_secret_key

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "redeemer.settings")
# Celery prefers these variables to the settings. If they are set in a shell, they belong to another
# project, and our messages would go to that project's broker.
for _name in (
    "BROKER_URL",
    "BROKER_READ_URL",
    "BROKER_WRITE_URL",
    "RESULT_BACKEND",
    "LOADER",
    "CONFIG_MODULE",
):
    os.environ.pop(f"CELERY_{_name}", None)
# Celery would ignore what the system checks find. `_run_system_checks` does not.
os.environ["CELERY_SKIP_CHECKS"] = "1"

#: `make up` sets this variable for the workers that it starts.
CHECKS_HAVE_PASSED = "SYSTEM_CHECKS_HAVE_PASSED"

_WAKE_DELAY_SECONDS = 0.001

install_excepthook()
broker.install()
app = Celery("redeemer")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.setup_logging.connect
def _use_django_logging(**_: Any) -> None:
    """Keep Celery from replacing our log configuration, so that all processes log in one format."""
    from logging.config import dictConfig

    from django.conf import settings

    dictConfig(settings.LOGGING)


@signals.task_postrun.connect
def _wake_event_loop(**_: Any) -> None:
    """Wake the worker's event loop when a thread becomes free.

    With prefetching switched off, the loop fetches a message only when a thread is free. It does
    not notice when a thread becomes free: it sleeps until something else wakes it, which takes
    about a tenth of a second (decision 2). The delay of a millisecond is needed because the signal
    is sent just before Celery releases the request.
    """
    if hub := get_event_loop():
        hub.call_soon(hub.call_later, _WAKE_DELAY_SECONDS, _do_nothing)


def _do_nothing() -> None:
    """Do nothing: this callback only wakes the loop."""


@signals.import_modules.connect(sender=app)
def _check_secret_key(**_: Any) -> None:
    """End the process if SECRET_KEY is missing or weak.

    The signal is sent when workers and beat start. If a receiver raises an ordinary exception,
    Celery logs its traceback and continues. SystemExit ends the process.
    """
    try:
        require_secret_key()
    except ImproperlyConfigured as error:
        sys.exit(str(error))


@signals.worker_init.connect
def _run_system_checks(**_: Any) -> None:
    """End the process if a check of the settings finds an error.

    The other checks concern models and pages, and would load all pages. `make up` has run every
    check already, with the same settings.
    """
    import django
    from django.core.management.base import BaseCommand, SystemCheckError

    from giftcodes.checks.common import SETTINGS

    if os.environ.get(CHECKS_HAVE_PASSED):
        return
    django.setup()
    try:
        BaseCommand().check(tags=[SETTINGS])
    except SystemCheckError as error:
        sys.exit(str(error))


@signals.beat_init.connect
def _end_beat_after_its_tick(sender: Any, **_: Any) -> None:
    """Let SIGTERM and SIGINT end beat after the present pass of its loop, within about a second.

    Celery's own handler writes the schedule to the database in the middle of whatever beat does. If
    the signal has interrupted a statement, that statement holds the lock of the connection, and the
    handler waits for this lock for ever. Beat writes the schedule when its loop ends anyway. A
    second signal ends beat at once.
    """

    def end(_number: int, _frame: Any) -> None:
        if sender._is_shutdown.is_set():
            raise SystemExit
        sender._is_shutdown.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
