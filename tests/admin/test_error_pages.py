"""The error pages: inside the admin's frame if possible, and otherwise without it."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, OperationalError, connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from psycopg.errors import AdminShutdown, DeadlockDetected, QueryCanceled

from redeemer import error_pages
from tests.admin.conftest import Browser, address
from tests.factories import guild

#: An address without a page. It is outside of the admin, so it needs no login.
OUTSIDE = "/nothing/here/"


def text_of(response: Any) -> str:
    """The text of a page, without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def test_a_missing_page_inside_the_frame_says_where_to_go(browser: Browser) -> None:
    for url in (address("guild_change", 999), "/admin/nothing/", OUTSIDE):
        response = browser.client.get(url)
        assert response.status_code == 404
        assert "This page does not exist" in text_of(response)
        page = response.content.decode()
        assert 'id="nav-sidebar"' in page
        assert 'id="find"' in page
        assert "Guilds" in text_of(response)


def test_a_missing_page_without_a_login_shows_nothing_of_the_site(db: None) -> None:
    response = Client().get(OUTSIDE)
    assert response.status_code == 404
    assert "This page does not exist" in text_of(response)
    assert "nav-sidebar" not in response.content.decode()


def test_a_refused_page_says_whom_to_ask(browser: Browser) -> None:
    response = browser.open("redemption_add")
    assert response.status_code == 403
    assert "You may not do this" in text_of(response)
    assert "ask an administrator" in text_of(response)
    assert 'id="nav-sidebar"' in response.content.decode()


def test_a_bad_filter_leads_to_the_list_without_filters(browser: Browser) -> None:
    response = browser.client.get(f"{address('member_changelist')}?nope=1")
    assert response.status_code == 400
    assert "a filter that this page does not offer" in text_of(response)
    assert f'class="press" href="{address("member_changelist")}"' in response.content.decode()


def test_a_bad_request_that_is_not_about_a_filter_is_explained(browser: Browser) -> None:
    response = browser.client.get("/admin/giftcodes/guild/?name=%00")
    assert response.status_code == 400
    assert "This request cannot be read" in text_of(response)
    refused = browser.client.get("/admin/", headers={"host": "evil.example"})
    assert refused.status_code == 400
    assert "Unknown host name" in text_of(refused)


def test_the_error_about_an_outdated_form_says_to_load_the_page_again(db: None) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("owner"))
    client.get(reverse("admin:index"))
    response = client.post(
        address("guild_add"), {"csrfmiddlewaretoken": "x" * 64, "name": "Wolves"}
    )
    assert response.status_code == 403
    assert "Go back, load the page again, and send the form once more." in text_of(response)
    assert "evil" not in text_of(response)


# --- Faults ---------------------------------------------------------------------------------------
@pytest.fixture
def owner(db: None) -> Client:
    """An administrator's browser, which gets the error page instead of the exception."""
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("owner"))
    return client


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let every page of the site fail."""

    def failing(*_: Any) -> None:
        raise error

    monkeypatch.setattr("giftcodes.admin_site.RedeemerSite.each_context", failing)


def caused(error: DatabaseError, cause: BaseException) -> DatabaseError:
    error.__cause__ = cause
    return error


def test_a_fault_is_explained_without_a_query(
    owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(monkeypatch, RuntimeError("Broken, and secret."))
    response = owner.get(address("guild_changelist"))
    assert response.status_code == 500
    assert "Something went wrong" in text_of(response)
    assert "secret" not in text_of(response)
    assert f'href="{address("guild_changelist")}">Try again' in response.content.decode()
    with CaptureQueriesContext(connection) as queries:
        error_pages.server_error(RequestFactory().get("/"))
    assert len(queries) == 0


def test_an_error_page_that_itself_fails_still_says_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("redeemer.error_pages.loader.render_to_string", lambda *_: 1 / 0)
    response = error_pages.server_error(RequestFactory().get("/"))
    assert response.status_code == 500
    assert "Something went wrong" in text_of(response)


@pytest.mark.parametrize(
    ("cause", "status", "words"),
    [
        (psycopg.OperationalError("connection refused"), 503, "The database does not answer."),
        (AdminShutdown(), 503, "The database does not answer."),
        (QueryCanceled(), 503, "This took too long"),
        (DeadlockDetected(), 500, "Something went wrong"),
    ],
)
def test_an_error_of_the_database_is_explained_by_its_cause(
    owner: Client,
    monkeypatch: pytest.MonkeyPatch,
    cause: psycopg.Error,
    status: int,
    words: str,
) -> None:
    fail_with(monkeypatch, caused(OperationalError(), cause))
    response = owner.get(address("guild_changelist"))
    assert response.status_code == status
    assert words in text_of(response)


def test_a_statement_that_is_cancelled_in_a_middleware_is_explained_as_well(
    owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(_request: Any) -> None:
        raise caused(OperationalError(), QueryCanceled())

    monkeypatch.setattr("redeemer.zone.ViewerTimeZoneMiddleware.__call__", lambda *_: slow(None))
    response = owner.get(address("guild_changelist"))
    assert response.status_code == 503
    assert "search for less or choose fewer rows" in text_of(response)


def test_a_refused_page_is_explained_without_the_frame_if_the_database_does_not_answer(
    owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(monkeypatch, caused(OperationalError(), psycopg.OperationalError()))
    request = RequestFactory().get("/")
    request.user = User.objects.get()
    response = error_pages.forbidden(request, PermissionDenied())
    assert response.status_code == 403
    assert "nav-sidebar" not in response.content.decode()


def test_an_officer_s_error_page_does_not_name_the_guild_of_others(browser: Browser) -> None:
    strange = guild("Strangers")
    officer = User.objects.create_user("officer", is_staff=True)
    client = Client()
    client.force_login(officer)
    page = client.get(address("guild_change", strange.pk))
    assert page.status_code in (403, 404)
    assert "Strangers" not in page.content.decode()
