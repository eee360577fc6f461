"""Unexpected errors reach Sentry if there is a DSN, and nothing secret goes with them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from redeemer.localserver.home import REPOSITORY
from redeemer.sentry import REST_SECONDS, _Filter
from tests.settings.sentry_stand_in import Sentry, sentry_stand_in

SECRETS = {
    "SECRET_KEY": "a-key-of-the-site-0123456789-abcdefghij",
    "WHITEOUT_SALT": "a-salt-of-a-game",
    "METRICS_TOKEN": "a-token-for-metrics-0123456789-abcdef",
}
TOKEN = "jn-abcdefghijkmnpqrstuvwxyz2345"


def run(code: str, sentry: Sentry | None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new process that has set up Django, without a database."""
    return subprocess.run(
        [sys.executable, "-c", f"import django, sys\ndjango.setup()\n{code}"],
        cwd=REPOSITORY,
        env={
            **os.environ,
            **SECRETS,
            "DATABASE_URL": "",
            "DJANGO_SETTINGS_MODULE": "redeemer.settings",
            "SENTRY_DSN": sentry.dsn if sentry else "",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


_OPEN_A_PAGE = f"""
from django.test import Client
client = Client(raise_request_exception=False, HTTP_HOST="localhost")
client.cookies["csrftoken"] = "a-cookie"
done = client.get("/join/{TOKEN}/?name=Amber", headers={{"Authorization": "Bearer a-header"}})
assert done.status_code == 503, done.status_code
"""


def test_a_page_that_fails_is_reported_without_its_address_and_without_what_was_sent() -> None:
    with sentry_stand_in() as sentry:
        done = run(_OPEN_A_PAGE, sentry)

    assert done.returncode == 0, done.stderr
    (event,) = sentry.events
    assert event["exception"]["values"][-1]["type"] == "OperationalError"
    assert event["tags"] == {"page": "GET /join/<slug:token>/"}
    assert event["release"].startswith("redeemer@")
    frames = event["exception"]["values"][-1]["stacktrace"]["frames"]
    assert any("giftcodes" in frame["module"] for frame in frames)
    sent = "\n".join(sentry.bodies)
    for hidden in (TOKEN, "Amber", "a-cookie", "a-header", *SECRETS.values()):
        assert hidden not in sent, hidden


def test_an_error_that_ends_a_command_is_reported_without_its_message() -> None:
    with sentry_stand_in() as sentry:
        done = run("salt = 'a-salt-of-a-game'\nraise ValueError(f'{salt} 200000001')", sentry)

    assert "ValueError" in done.stderr
    (event,) = sentry.events
    (error,) = event["exception"]["values"]
    assert error["type"] == "ValueError"
    assert "value" not in error
    assert not {"server_name", "user", "request", "breadcrumbs", "extra"} & set(event)
    assert "200000001" not in "".join(sentry.bodies)


def test_an_error_after_which_a_step_goes_on_is_reported() -> None:
    code = """
from giftcodes.models.failure_isolation import unexpected_error
unexpected_error.send("sweep", error=KeyError("200000001"))
"""
    with sentry_stand_in() as sentry:
        done = run(code, sentry)

    assert done.returncode == 0, done.stderr
    (event,) = sentry.events
    assert event["tags"] == {"step": "sweep"}
    assert "200000001" not in "".join(sentry.bodies)


def test_without_a_dsn_nothing_of_it_is_loaded() -> None:
    done = run("assert 'sentry_sdk' not in sys.modules", None)

    assert done.returncode == 0, done.stderr


def test_a_dsn_that_cannot_be_used_stops_the_start_and_is_not_shown() -> None:
    done = run("", None, SENTRY_DSN="a-wrong-secret")

    assert done.returncode != 0
    assert "SENTRY_DSN must be" in done.stderr
    assert "a-wrong-secret" not in done.stderr


def test_the_same_error_is_sent_once_a_minute() -> None:
    now = 100.0
    kept = _Filter(lambda: now).kept

    def event(line: int) -> Any:
        frame = {"filename": "a.py", "lineno": line, "vars": {"salt": "secret"}}
        error = {"type": "KeyError", "value": "secret", "stacktrace": {"frames": [frame]}}
        return {"event_id": "1", "exception": {"values": [error]}}

    assert kept(event(1), {}) is not None
    assert kept(event(1), {}) is None
    assert kept(event(2), {}) is not None
    now += REST_SECONDS
    assert kept(event(1), {}) is not None
    assert "secret" not in str(kept(event(3), {}))
