"""Pages are in the language of the browser, or in the one that the reader has chosen."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from tests.i18n import pseudo

GERMAN = {"HTTP_ACCEPT_LANGUAGE": "de-AT,de;q=0.9,en;q=0.5"}
LOGIN = "/admin/login/"


def choose(client: Client, language: str, next_page: str = "/admin/login/", **more: Any) -> Any:
    return client.post("/language/", {"language": language, "next": next_page}, **more)


def text_of(response: Any) -> str:
    return response.content.decode()


def test_the_browsers_language_is_used(client: Client, db: None) -> None:
    page = client.get(LOGIN, **GERMAN)
    assert '<html lang="de" dir="ltr"' in text_of(page)
    assert page["Content-Language"] == "de"
    assert translation.get_language() == "en"


@pytest.mark.parametrize(
    ("asked", "used"),
    [("pt-PT,pt", "pt-br"), ("zh-CN", "zh-hans"), ("es-419", "es"), ("nl,sv", "en"), ("", "en")],
)
def test_a_language_that_is_near_is_used_and_otherwise_that_of_the_site(
    client: Client, db: None, asked: str, used: str
) -> None:
    assert client.get(LOGIN, HTTP_ACCEPT_LANGUAGE=asked)["Content-Language"] == used


def test_the_site_may_have_another_language_than_english(
    client: Client, db: None, settings: Any
) -> None:
    settings.LANGUAGE_CODE = "de"
    assert client.get(LOGIN)["Content-Language"] == "de"


def test_arabic_is_read_from_right_to_left(client: Client, db: None) -> None:
    for page in (LOGIN, "/codes/none/", "/none/"):
        answer = client.get(page, HTTP_ACCEPT_LANGUAGE="ar")
        assert '<html lang="ar" dir="rtl"' in text_of(answer), page


def test_a_choice_is_kept_in_a_cookie_and_comes_before_the_browsers_language(
    client: Client, db: None, settings: Any
) -> None:
    settings.LANGUAGE_COOKIE_SECURE = True
    answer = choose(client, "de", secure=True)
    assert (answer.status_code, answer["Location"]) == (302, LOGIN)
    cookie = answer.cookies["django_language"]
    assert cookie["secure"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    page = client.get(LOGIN, HTTP_ACCEPT_LANGUAGE="fr", secure=True)
    assert page["Content-Language"] == "de"


@pytest.mark.parametrize("elsewhere", ["https://example.com/", "//example.com/", "javascript:0"])
def test_a_choice_leads_to_no_other_site(client: Client, elsewhere: str) -> None:
    assert choose(client, "de", elsewhere)["Location"] == "/"


def test_a_choice_needs_no_cookie_and_no_origin(db: None) -> None:
    """Pages with a secret address send `Origin: null`."""
    strict = Client(enforce_csrf_checks=True)
    answer = choose(strict, "de", HTTP_ORIGIN="null")
    assert answer.status_code == 302
    assert answer.cookies["django_language"].value == "de"


def test_an_unknown_language_changes_nothing(client: Client, db: None) -> None:
    assert "django_language" not in choose(client, "xx").cookies
    choose(client, "nl")
    assert client.get(LOGIN)["Content-Language"] == "en"


def test_a_link_chooses_nothing(client: Client) -> None:
    answer = client.get("/language/", {"language": "de", "next": LOGIN})
    assert "django_language" not in answer.cookies


@pytest.mark.parametrize("page", [LOGIN, "/codes/none/", "/my/none/", "/none/", "/healthz"])
def test_caches_know_on_what_a_page_depends(client: Client, db: None, page: str) -> None:
    assert {"Accept-Language", "Cookie"} <= set(client.get(page)["Vary"].split(", "))


def test_players_pages_keep_their_headers(client: Client, db: None) -> None:
    page = client.get("/codes/none/", **GERMAN)
    assert "no-store" in page["Cache-Control"]
    assert "connect-src 'none'" in page["Content-Security-Policy"]


@pytest.mark.parametrize("page", [LOGIN, "/codes/none/", "/none/?a=1"])
def test_a_page_offers_the_languages_and_leads_back_to_itself(
    client: Client, db: None, page: str
) -> None:
    text = text_of(client.get(page))
    assert f'method="post" action="{reverse("language")}">' in text
    assert f'name="next" value="{page}"' in text
    assert 'name="language" value="de" lang="de"><bdi>Deutsch</bdi>' in text
    assert 'value="en" lang="en" aria-current="true"' in text


def test_the_menu_of_the_admin_offers_the_languages(admin_client: Client) -> None:
    assert 'name="language" value="ja"' in text_of(admin_client.get("/admin/"))


def test_an_error_page_is_in_the_readers_language(
    client: Client, db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pseudo.install(settings, monkeypatch, pseudo.Pseudo())
    page = text_of(client.get("/none/", HTTP_ACCEPT_LANGUAGE="nb"))
    assert '<html lang="nb"' in page
    assert "⟦This page does not exist⟧" in page


def test_a_page_without_a_database_offers_no_choice_that_needs_one(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No fixture allows the database here, so a statement would fail."""
    assert choose(client, "de").status_code == 302
