"""One person cannot occupy all threads of a web process."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client, RequestFactory

from redeemer import fair_share
from redeemer.fair_share import MOST_OF_PERSON, MOST_OF_PROGRAMS, FairShareMiddleware
from redeemer.site_threads import THREADS
from tests.waiting import PATIENCE_SECONDS


def request_of(
    person: int | None, path: str = "/admin/matrix/csv/", guilds: tuple[int, ...] = ()
) -> Any:
    request = RequestFactory().get(path)
    request.user = SimpleNamespace(  # type: ignore[assignment]
        pk=person, has_perm=lambda _name: not guilds, _ids_of_own_guilds=list(guilds)
    )
    return request


def test_a_person_has_at_most_half_of_the_threads_and_enough_for_a_page_with_live_parts() -> None:
    assert 3 <= MOST_OF_PERSON <= THREADS // 2
    names = settings.MIDDLEWARE
    place = names.index("redeemer.fair_share.FairShareMiddleware")
    assert names.index("django.contrib.auth.middleware.AuthenticationMiddleware") < place
    # RequestMiddleware comes before FairShareMiddleware, so that refused requests are logged.
    assert names.index("django_structlog.middlewares.RequestMiddleware") < place


def test_further_requests_of_one_person_are_refused_and_those_of_others_are_answered() -> None:
    go_on, begun = threading.Event(), threading.Semaphore(0)

    def slow(request: Any) -> HttpResponse:
        begun.release()
        if request.user.pk == 1 and not go_on.is_set():
            assert go_on.wait(PATIENCE_SECONDS)
        return HttpResponse("done")

    middleware = FairShareMiddleware(slow)
    with ThreadPoolExecutor(MOST_OF_PERSON) as pool:
        try:
            running = [pool.submit(middleware, request_of(1)) for _ in range(MOST_OF_PERSON)]
            for _ in running:
                assert begun.acquire(timeout=PATIENCE_SECONDS)
            refused = middleware(request_of(1))
            others = [middleware(request_of(2)), middleware(request_of(None))]
            public = middleware(request_of(3, "/join/x/"))
        finally:
            go_on.set()
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
    page = refused.content.decode()
    assert "Too many pages at once" in page
    assert "Wait a few seconds" in page
    assert 'href="/admin/matrix/csv/">Try again' in page
    assert [one.status_code for one in [*others, public]] == [200, 200, 200]
    assert all(one.result().status_code == 200 for one in running)
    assert middleware(request_of(1)).status_code == 200
    assert not middleware._running


def test_the_officers_of_a_guild_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fair_share, "MOST_OF_PERSON", 1)
    found: list[int] = []

    def ask(_request: Any) -> HttpResponse:
        if not found:
            found.append(0)
            others = [request_of(2, guilds=(7, 8)), request_of(3, guilds=(9,)), request_of(4)]
            found.extend(middleware(one).status_code for one in others)
        return HttpResponse("done")

    middleware = FairShareMiddleware(ask)

    assert middleware(request_of(1, guilds=(7,))).status_code == 200
    assert found == [0, 429, 200, 200]
    assert not middleware._running


def test_a_page_that_fails_gives_its_place_back() -> None:
    def fail(request: Any) -> HttpResponse:
        raise ValueError(request.path)

    middleware = FairShareMiddleware(fail)
    for _ in range(MOST_OF_PERSON + 1):
        with pytest.raises(ValueError, match="/admin/"):
            middleware(request_of(1))


def test_the_site_limits_the_requests_of_a_person(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert admin_client.get("/admin/").status_code == 200
    monkeypatch.setattr(fair_share, "MOST_OF_PERSON", 0)
    assert admin_client.get("/admin/").status_code == 429


def test_requests_to_the_api_count_for_the_maker_of_the_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def caller_of(request: Any) -> Any:
        return SimpleNamespace(user=request.user) if request.user.pk else None

    monkeypatch.setattr(fair_share.door, "api_caller", caller_of)
    middleware = FairShareMiddleware(lambda _request: HttpResponse("done"))
    middleware._running["person 1"] = MOST_OF_PERSON
    for path in ("/admin/", "/api/v1/guilds"):
        assert middleware(request_of(1, path)).status_code == 429, path
        assert middleware(request_of(2, path)).status_code == 200, path
    middleware._running["person 1"] = MOST_OF_PROGRAMS
    assert middleware(request_of(1, "/admin/")).status_code == 200, "programs leave places to pages"
    refused = middleware(request_of(1, "/api/v1/guilds"))
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.headers["Retry-After"] == "1"
    assert middleware(request_of(None, "/api/v1/guilds")).status_code == 200
