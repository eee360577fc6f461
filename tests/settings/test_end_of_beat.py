"""Beat ends soon after a signal, whatever it was doing."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from celery import signals
from celery.apps.beat import Beat
from celery.beat import Service
from django.db import connection

from redeemer.celery import app


@pytest.fixture
def service() -> Iterator[Service]:
    """Beat's service with the handlers that a starting beat has."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]
    service = Service(app)
    Beat(app=app).install_sync_handler(service)
    signals.beat_init.send(sender=service)
    yield service
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.django_db
def test_a_signal_during_a_statement_does_not_wait_for_the_connection(service: Service) -> None:
    """The handler only asks beat to end. The schedule is written after the tick."""
    connection.ensure_connection()
    with connection.connection.lock:  # A running statement holds it.
        os.kill(os.getpid(), signal.SIGTERM)

    assert service._is_shutdown.is_set()


@pytest.mark.django_db
def test_a_second_signal_ends_beat_at_once(service: Service) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(SystemExit):
        os.kill(os.getpid(), signal.SIGTERM)
