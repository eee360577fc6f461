"""The answer to a refused request, and one line of the log, say why it was refused."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from logging.config import DictConfigurator
from typing import Any

import pytest
from django.test import Client

from redeemer.logging import configure

LONG = 2_500


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the log handler of the settings writes, as JSON."""
    handler: Any = DictConfigurator(configure(log_format="json", level="INFO"))
    handler.configure()
    (stderr,) = (one for one in logging.getLogger().handlers if type(one) is logging.StreamHandler)
    stderr.setStream(stream := io.StringIO())
    yield stream
    logging.getLogger().removeHandler(stderr)
    configure(log_format="console", level="INFO")


def the_line(log: io.StringIO) -> dict[str, Any]:
    (line,) = log.getvalue().splitlines()
    assert len(line) < 1_000
    found: dict[str, Any] = json.loads(line)
    assert "exception" not in found
    return found


def test_a_foreign_host_gets_one_log_line_and_a_page_that_says_what_to_do(log: io.StringIO) -> None:
    name = "evil.example<script>"

    response = Client().get("/admin/login/", headers={"host": name}, REMOTE_ADDR="203.0.113.9")

    page = response.content.decode()
    assert response.status_code == 400
    assert "ALLOWED_HOSTS" in page
    assert "evil.example&lt;script&gt;" in page
    assert name not in page
    line = the_line(log)
    assert "evil.example" in line["event"]
    assert (line["path"], line["ip"]) == ("/admin/login/", "203.0.113.9")


def test_a_very_long_host_makes_no_long_page_and_no_long_log_line(log: io.StringIO) -> None:
    response = Client().get("/admin/login/", headers={"host": "x" * LONG})

    assert response.status_code == 400
    assert len(response.content) < LONG
    (line,) = log.getvalue().splitlines()
    assert len(line) < 2 * LONG


def test_a_filter_that_is_not_offered_gets_one_log_line_with_the_reason(
    log: io.StringIO, admin_client: Client
) -> None:
    path = "/admin/giftcodes/guild/?name__regex=x"

    assert admin_client.get(path, REMOTE_ADDR="203.0.113.9").status_code == 400

    line = the_line(log)
    assert line["request"] == f"GET {path}"
    assert "name__regex" in line["reason"]
    assert (line["code"], line["ip"]) == (400, "203.0.113.9")
    # The reason is not logged again with the next request.
    log.truncate(0)
    log.seek(0)
    assert admin_client.get("/admin/nowhere/").status_code == 404
    assert "regex" not in log.getvalue()


def test_a_refused_permission_is_logged_without_a_traceback(
    log: io.StringIO, django_user_model: Any, client: Client
) -> None:
    client.force_login(django_user_model.objects.create_user("staff", is_staff=True))

    assert client.get("/admin/giftcodes/guild/").status_code == 403

    assert "Traceback" not in log.getvalue()
    assert log.getvalue().count("\n") <= 2


@pytest.mark.django_db
def test_an_error_of_our_own_keeps_its_traceback(
    log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("our fault")

    monkeypatch.setattr("redeemer.zone.ViewerTimeZoneMiddleware.__call__", fail)
    client = Client(raise_request_exception=False)

    assert client.get("/healthz").status_code == 500
    assert "our fault" in log.getvalue()
    assert "Traceback" in log.getvalue()
