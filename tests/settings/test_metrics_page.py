"""/metrics: who may read it, its format, and its answer while the database does not answer."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from redeemer import metrics as page
from redeemer.localserver.servers import pick_port
from tests.waiting import PATIENCE_SECONDS

TOKEN = "4f1c0a6be2b74d6c9f5b0d6a7f3e1c88"


@pytest.fixture(autouse=True)
def without_database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of the access need no database."""
    if "transactional_db" not in request.fixturenames:
        monkeypatch.setattr(page._Reading, "result", lambda *_: {})


def status(client: Client | None = None, **headers: str) -> int:
    client = client or Client(REMOTE_ADDR="127.0.0.1", HTTP_HOST="localhost:8000")
    return client.get("/metrics", headers=headers).status_code


# --- Who may read it ------------------------------------------------------------------------------
def test_with_a_token_only_that_token_opens_the_page(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN

    assert status(Authorization=f"Bearer {TOKEN}") == 200
    assert status(Authorization=f"bearer  {TOKEN}") == 200
    for wrong in ("", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer é"):
        assert status(Authorization=wrong) == 401, wrong
    assert Client().get(f"/metrics?token={TOKEN}").status_code == 401


def test_a_refusal_says_what_is_needed_and_not_the_token(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN

    response = Client().get("/metrics")

    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert "METRICS_TOKEN" in response.content.decode()
    assert response.content.decode().count("\n") == 1
    assert TOKEN not in response.content.decode()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "127.0.0.7"])
def test_without_a_token_a_program_on_this_machine_may_read_it(address: str) -> None:
    assert status(Client(REMOTE_ADDR=address, HTTP_HOST="127.0.0.1:8000")) == 200


@pytest.mark.parametrize("address", ["192.0.2.7", "10.0.0.5", "2001:db8::1", ""])
def test_without_a_token_nobody_else_may_read_it(address: str) -> None:
    response = Client(REMOTE_ADDR=address, HTTP_HOST="localhost").get("/metrics")

    assert response.status_code == 404
    assert "METRICS_TOKEN" in response.content.decode()


def test_behind_a_proxy_on_this_machine_its_client_counts(settings: Any) -> None:
    settings.PROXIES = 1

    assert status(**{"X-Forwarded-For": "192.0.2.7"}) == 404
    assert status(**{"X-Forwarded-For": "127.0.0.1, 192.0.2.7"}) == 404
    assert status() == 200


def test_a_proxy_that_is_not_counted_does_not_open_the_page_to_its_clients(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["codes.example.org", "localhost"]

    assert status(Client(REMOTE_ADDR="127.0.0.1", HTTP_HOST="codes.example.org")) == 404


@pytest.mark.parametrize("proxies", [0, 1, 2])
@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "X-Real-IP", "Via"]
)
def test_a_visitor_who_sends_the_name_of_this_machine_through_a_proxy_may_not_read_it(
    settings: Any, proxies: int, header: str
) -> None:
    settings.PROXIES = proxies

    assert status(**{header: "127.0.0.1, 127.0.0.1"}) == 404


def test_with_tls_in_front_a_monitor_can_still_ask_directly(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True

    assert status() == 200


def test_it_can_only_be_read() -> None:
    assert (
        Client(REMOTE_ADDR="127.0.0.1", HTTP_HOST="localhost").post("/metrics").status_code == 405
    )


# --- What it says ---------------------------------------------------------------------------------
def ask(**headers: str) -> Any:
    return Client(REMOTE_ADDR="127.0.0.1", HTTP_HOST="localhost").get("/metrics", headers=headers)


def test_prometheus_can_read_it_in_both_formats(transactional_db: None) -> None:
    text = ask()
    assert text.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "no-cache" in text.headers["Cache-Control"]
    names = {family.name for family in parse_text(text.content.decode())}

    openmetrics = ask(Accept="application/openmetrics-text;version=1.0.0")
    assert openmetrics.headers["Content-Type"].startswith("application/openmetrics-text")
    families = list(parse_openmetrics(openmetrics.content.decode()))

    assert {family.name for family in families} == names
    assert {"redeemer_queue", "redeemer_attempts", "redeemer_alarms"} <= names


def test_every_process_gives_the_same_answer(transactional_db: None) -> None:
    def without_ages(body: bytes) -> list[str]:
        return [line for line in body.decode().splitlines() if "_age_seconds" not in line]

    assert without_ages(ask().content) == without_ages(ask().content)


# --- When the database does not answer ------------------------------------------------------------
def test_without_a_database_it_says_so_in_one_line(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = dict(connections["default"].settings_dict)
    settings.update(HOST="127.0.0.1", PORT=str(pick_port()), OPTIONS={})
    monkeypatch.setattr(connections, "settings", {"default": settings})

    response = ask()

    assert response.status_code == 503
    assert response.content.decode() == "The database does not answer.\n"


def test_a_database_that_hangs_is_not_waited_for(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, begun = threading.Event(), threading.Semaphore(0)

    def hang() -> Any:
        begun.release()
        assert release.wait(PATIENCE_SECONDS)
        return {}

    first = page._Reading(hang)
    try:
        assert first.result(0.2) is None
        assert begun.acquire(timeout=PATIENCE_SECONDS)
        began = time.monotonic()
        # The next request does not start a second thread that waits.
        assert page._Reading(hang).result(0.2) is None
        assert time.monotonic() - began < PATIENCE_SECONDS
        assert not begun.acquire(blocking=False)
    finally:
        release.set()
    assert page._Reading(dict).result(PATIENCE_SECONDS) == {}


def test_a_fault_of_ours_is_not_said_to_be_one_of_the_database(transactional_db: None) -> None:
    def fail() -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        page._Reading(fail).result(PATIENCE_SECONDS)
