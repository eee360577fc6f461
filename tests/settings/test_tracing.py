"""Traces are sent only if a collector is set. Without one, nothing of OpenTelemetry is loaded."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from giftcodes.domain import tracing
from redeemer.localserver.home import REPOSITORY

_LOAD = """
import django, sys
django.setup()
import giftcodes.tasks
print(any(name.split(".")[0] == "opentelemetry" for name in sys.modules))
import threading
print(threading.active_count())
"""


@pytest.mark.parametrize(("endpoint", "loaded"), [("", "False"), ("http://127.0.0.1:9", "True")])
def test_opentelemetry_is_loaded_only_for_a_collector(endpoint: str, loaded: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOAD],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "redeemer.settings",
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        },
        capture_output=True,
        text=True,
        check=True,
    )

    # It starts no thread: `make up` copies its processes, which is possible only without threads.
    assert done.stdout.split() == [loaded, "1"]


def test_without_a_tracer_a_step_runs_as_it_is() -> None:
    with tracing.span("a step", guild_id=1):
        tracing.note(result="done")

    assert tracing.headers() == {}
    with pytest.raises(ZeroDivisionError), tracing.span("a step"):
        raise ZeroDivisionError
