"""A worker reports a task that fails to Sentry, without what the task was called with."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.settings.sentry_stand_in import sentry_stand_in
from tests.system.machinery import ROOT, system
from tests.waiting import wait_for

pytestmark = pytest.mark.system

_SEND = """
import django
django.setup()
from giftcodes import tasks
import redeemer.celery
tasks.dispatch.apply_async(args=["no-game a-salt-of-a-game 200000001"])
"""


def test_a_task_that_fails_in_a_worker_is_reported_without_secrets(tmp_path: Path) -> None:
    secrets = {"SIMULATOR_SALT": "a-salt-of-a-game", "DISCORD_TOKEN": "a-token-of-the-bot"}
    with (
        sentry_stand_in() as sentry,
        system(tmp_path, SENTRY_DSN=sentry.dsn, PYTHONPATH=str(ROOT), **secrets) as running,
    ):
        running.start_worker("control", 1)
        script = tmp_path / "send.py"
        script.write_text(_SEND, encoding="utf-8")
        running.launch("send", [sys.executable, str(script)])

        wait_for(lambda: bool(sentry.events), "an event")

        event = sentry.events[0]
        assert event["tags"] == {"task": "giftcodes.tasks.dispatch"}
        assert event["exception"]["values"][-1]["stacktrace"]["frames"]
        hidden = [*secrets.values(), "200000001", running.environment["SECRET_KEY"]]
        sent = "\n".join(sentry.bodies)
        assert not [text for text in hidden if text in sent]
