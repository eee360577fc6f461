"""A slow statement of a page is cancelled, and the person is told. Workers have no limit."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from django.db import connection
from django.test import Client
from django.urls import reverse

from giftcodes.admin.members.admin import MemberAdmin
from giftcodes.checks.numbers import check_statement_limit
from redeemer.localserver.home import REPOSITORY
from redeemer.localserver.servers import pick_port
from redeemer.postgresql import base
from redeemer.site_threads import THREADS
from tests import databases
from tests.waiting import PATIENCE_SECONDS, wait_for

_NAME = "statement_limit"
_WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def limit() -> str:
    """The limit of the connection of this thread."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        (shown,) = cursor.fetchone()
    return str(shown)


@pytest.fixture
def _limited(monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> Iterator[None]:
    """New connections have a limit of half a second."""
    monkeypatch.setattr(base, "statement_seconds", 0.5)
    connection.close()
    yield
    monkeypatch.undo()
    connection.close()


@pytest.mark.django_db
def test_outside_of_the_site_s_process_statements_have_no_limit() -> None:
    assert limit() == "0"


@pytest.mark.usefixtures("_limited")
def test_a_page_whose_statement_takes_too_long_says_what_to_do(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert limit() == "500ms"
    own = MemberAdmin.get_queryset

    def slow(page: Any, request: Any) -> Any:
        return own(page, request).extra(where=["(SELECT true FROM pg_sleep(60))"])

    monkeypatch.setattr(MemberAdmin, "get_queryset", slow)
    address = reverse("admin:giftcodes_member_changelist")
    response = admin_client.get(address, {"q": "a"})
    assert response.status_code == 503
    content = response.content.decode()
    assert "This took too long" in content
    assert "search for less or choose fewer rows" in content
    assert f'href="{address}"' in content

    monkeypatch.setattr(MemberAdmin, "get_queryset", own)
    assert admin_client.get(address).status_code == 200


@pytest.mark.slow
def test_only_the_process_of_the_site_has_a_limit() -> None:
    print_it = "from redeemer.postgresql import base; print(base.statement_seconds)"
    found = {
        module: subprocess.run(
            [sys.executable, "-c", f"import {module}; {print_it}"],
            cwd=REPOSITORY,
            env={**os.environ, "WEB_STATEMENT_SECONDS": "7"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for module in ("redeemer.wsgi", "redeemer.celery", "manage")
    }
    assert found == {"redeemer.wsgi": "7.0", "redeemer.celery": "0.0", "manage": "0.0"}


@pytest.mark.parametrize(
    ("seconds", "is_valid"), [(0, True), (15, True), (0.2, False), (-1, False)]
)
def test_a_limit_that_would_stop_ordinary_pages_is_refused(
    settings: Any, seconds: float, is_valid: bool
) -> None:
    settings.WEB_STATEMENT_SECONDS = seconds
    assert (check_statement_limit() == []) is is_valid


# --- A real site ----------------------------------------------------------------------------------
@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The address of a site whose statements may take two seconds."""
    databases.make(_NAME)
    port = pick_port()
    with (tmp_path / "web.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "redeemer.serving", "--bind", f"127.0.0.1:{port}"],
            cwd=REPOSITORY,
            env={
                **os.environ,
                "DATABASE_URL": databases.url_of(_NAME),
                "DATABASE_POOL": "1",
                "WEB_STATEMENT_SECONDS": "2",
            },
            stdout=log,
            stderr=log,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: _answers(address), "the site to answer")
        yield address
    finally:
        process.kill()
        process.wait()
        databases.drop(_NAME)


def _answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/admin/login/", timeout=PATIENCE_SECONDS).ok
    except requests.ConnectionError:
        return False


def _log_in(address: str, seconds: float) -> requests.Response:
    """Send the form of the login, and wait at most this long for the answer."""
    with requests.Session() as browser:
        login = f"{address}/admin/login/"
        browser.get(login, timeout=PATIENCE_SECONDS)
        form = {
            "username": "a",
            "password": "b",
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
        }
        return browser.post(login, form, timeout=seconds)


@pytest.mark.slow
def test_pages_that_hang_in_the_database_are_given_up_even_when_their_clients_have_gone(
    site: str,
) -> None:
    """More requests than threads wait for a table that another session has locked."""
    with psycopg.connect(databases.url_of(_NAME)) as holder:
        holder.execute("LOCK TABLE auth_user IN ACCESS EXCLUSIVE MODE")
        with ThreadPoolExecutor(THREADS + 1) as clients:
            answers = list(clients.map(lambda _: _log_in(site, PATIENCE_SECONDS), range(9)))
        assert {answer.status_code for answer in answers} == {503}
        assert all("This took too long" in answer.text for answer in answers)

        with psycopg.connect(databases.url_of(_NAME), autocommit=True) as watching:

            def waiting() -> int:
                row = watching.execute(_WAITING).fetchone()
                assert row is not None
                return int(row[0])

            with ThreadPoolExecutor(1) as clients:
                gone = clients.submit(_leave, site)
                wait_for(lambda: waiting() > 0, "the statement to wait")
                gone.result()
            wait_for(lambda: waiting() == 0, "the statement to be cancelled", seconds=30.0)
    assert _log_in(site, PATIENCE_SECONDS).status_code == 200


def _leave(site: str) -> None:
    """Send a login, and hang up before the answer."""
    with suppress(requests.ReadTimeout):
        _log_in(site, 0.5)
