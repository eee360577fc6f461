"""The pages of feeds: add, try, switch on, trust, and the token and the answers of a webhook."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from giftcodes.models import (
    Alarm,
    CodeProposal,
    CodeSighting,
    ConnectionCheck,
    Feed,
    GiftCode,
)
from giftcodes.models.feed import FeedKind, FeedTrust
from giftcodes.services import connections, sources
from giftcodes.services.sources import PUSHES_IN_MINUTE, WRONG_TOKENS
from simulator import Simulator
from tests.admin.conftest import Browser, TaskQueue, address, errors, messages_of
from tests.factories import gift_code, guild

KEY = "a-very-secret-key"

pytestmark = pytest.mark.django_db


@pytest.fixture
def game(simulator: Simulator, settings: Any) -> Simulator:
    """A game that is on, and lists codes in several forms on this machine."""
    settings.GAME_PRIVATE_HOSTS = ["127.0.0.1"]
    here = replace(settings.PROVIDERS["simulator"], api_url=simulator.api_url, feed_url="")
    settings.PROVIDERS = {**settings.PROVIDERS, "simulator": here}
    return simulator


def feed(**fields: Any) -> Feed:
    return Feed.objects.create(
        **{
            "provider": "simulator",
            "name": "second",
            "kind": FeedKind.COMMUNITY,
            "address": "http://127.0.0.1:9/feed",
            **fields,
        }
    )


def add(browser: Browser, kind: str, **fields: Any) -> Any:
    values = {
        "provider": "simulator",
        "name": "second",
        "trust": "trusted",
        "interval_seconds": 60,
        **fields,
    }
    with browser._committing(execute=True):
        return browser.client.post(f"{address('feed_add')}?kind={kind}", values)


# --- Adding and changing --------------------------------------------------------------------------
def test_the_kind_is_chosen_first_and_the_form_has_only_its_fields(browser: Browser) -> None:
    page = browser.open("feed_add").content.decode()
    for kind in FeedKind.values[1:]:
        assert f"?kind={kind}" in page

    fields = {
        kind: set(browser.open("feed_add", kind=kind).context["adminform"].form.fields)
        for kind in ("community", "json", "rss", "page", "pushed")
    }
    common = {"provider", "name", "trust"}
    polled = common | {"address", "api_key", "interval_seconds"}
    assert fields == {
        "community": polled,
        "json": polled | {"entries", "code", "published", "ends"},
        "rss": polled | {"template"},
        "page": polled | {"entries", "code", "template", "published", "ends"},
        "pushed": common,
    }


def test_a_new_feed_is_off_tried_by_a_worker_and_then_switched_on(
    browser: Browser, game: Simulator, task_queue: TaskQueue
) -> None:
    game.publish("FROST2026")
    gift_code("FROST2026")
    game.publish("SNOW2026")
    response = add(
        browser,
        "json",
        address=game.other_feed_url("json"),
        entries="game.gifts",
        code="gift",
        published="from",
        ends="until",
    )
    assert response.status_code == 302, errors(response)
    row = Feed.objects.added().get()
    assert not row.enabled
    ((name, token),) = task_queue.arguments("check_connection")

    assert connections.run_check(name, token)

    page = browser.open("feed_change", row.pk).content.decode()
    assert "2 code(s) listed" in page
    assert "FROST2026, SNOW2026. New to Redeemer: 1." in page
    assert not CodeSighting.objects.exists(), "a test stores nothing"
    assert browser.press("switch_on", row)[0][0] == "success"
    row.refresh_from_db()
    assert row.enabled
    messages = browser.press("poll_now", row)
    assert messages == [("success", "Simulator, feed “second”: 2 code(s) listed, 1 new.")]


def test_what_a_test_finds_is_said_if_nothing_is_listed_or_the_address_is_wrong(
    browser: Browser, game: Simulator
) -> None:
    empty, dead = feed(name="a", address=game.feed_url), feed(name="b")
    for row in (empty, dead):
        sources.request_test(row, user_id=None)
        connections.run_check(sources.name_of_test(row), 1)

    assert "lists no code" in browser.open("feed_change", empty.pk).content.decode()
    assert "could not be reached" in browser.open("feed_change", dead.pk).content.decode()


def test_neither_the_address_nor_the_key_is_shown_again(browser: Browser, game: Simulator) -> None:
    secret = f"{game.url}/feed?token={KEY}"
    response = add(browser, "community", address=secret, api_key=KEY)
    assert response.status_code == 302, errors(response)
    row = Feed.objects.added().get()
    assert (row.address, row.api_key) == (secret, KEY)

    for page in (browser.open("feed_change", row.pk), browser.open("feed_changelist")):
        assert KEY not in page.content.decode()
    assert game.url in browser.open("feed_change", row.pk).content.decode()
    with connection.cursor() as cursor:
        cursor.execute("SELECT address, api_key FROM giftcodes_feed WHERE id = %s", [row.pk])
        assert all(KEY not in text for text in cursor.fetchone())


def _change(browser: Browser, row: Feed, **fields: Any) -> Any:
    values = {"name": row.name, "trust": row.trust, "interval_seconds": 60, **fields}
    return browser.post("feed_change", row.pk, data=values)


def test_an_empty_field_keeps_the_address_and_another_host_asks_for_the_key_again(
    browser: Browser, game: Simulator
) -> None:
    row = feed(address=game.feed_url, api_key=KEY, failures=3, error="Old.", etag="x")
    assert _change(browser, row, name="renamed").status_code == 302
    row.refresh_from_db()
    assert (row.name, row.address, row.api_key, row.failures) == ("renamed", game.feed_url, KEY, 3)

    refused = _change(browser, row, address="http://127.0.0.1:1/feed")
    assert "Enter this secret again" in errors(refused)
    row.refresh_from_db()
    assert row.address == game.feed_url

    moved = _change(browser, row, address="http://127.0.0.1:1/feed", api_key="new")
    assert moved.status_code == 302
    row.refresh_from_db()
    assert (row.address, row.api_key) == ("http://127.0.0.1:1/feed", "new")
    assert (row.failures, row.error, row.etag) == (0, "", "")


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        ("community", {"address": ""}, "Enter the address"),
        ("community", {"address": "http://10.1.2.3/feed"}, "private network"),
        ("community", {"address": "ftp://example.org/feed"}, "complete address"),
        ("community", {"address": "http://127.0.0.1:9/feed", "name": "main"}, "of this name"),
        ("community", {"address": "http://127.0.0.1:9/feed", "interval_seconds": 1}, "30"),
        ("rss", {"address": "http://127.0.0.1:9/feed", "template": "code"}, "{code}"),
        ("page", {"address": "http://127.0.0.1:9/feed", "entries": "<<<"}, "CSS selector"),
        ("json", {"address": "http://127.0.0.1:9/feed", "entries": "a..b"}, "path"),
    ],
)
def test_what_cannot_work_is_refused_with_a_sentence(
    browser: Browser, game: Simulator, kind: str, fields: dict[str, Any], words: str
) -> None:
    browser.open("feed_changelist")
    refused = add(browser, kind, **fields)
    assert refused.status_code == 200
    assert words in errors(refused)
    assert not Feed.objects.added().exists()


def test_a_main_feed_cannot_be_changed_or_deleted_here(browser: Browser) -> None:
    browser.open("feed_changelist")
    main = Feed.objects.get(provider="simulator")
    assert browser.open("feed_delete", main.pk).status_code == 403
    assert browser.post("feed_change", main.pk, data={"name": "x"}).status_code == 403
    assert browser.open("feed_change", main.pk).status_code == 200


def test_a_deleted_feed_leaves_its_codes_and_no_alarm(browser: Browser, game: Simulator) -> None:
    row, code = feed(), gift_code("FROST")
    now = timezone.now()
    CodeSighting.objects.create(feed=row, gift_code=code, first_seen_at=now, last_seen_at=now)
    Alarm.objects.raise_once(Alarm.Kind.FEED_SILENT, str(row.pk), "Silent.")
    response = browser.post("feed_delete", row.pk, data={"post": "yes"})
    assert response.status_code == 302
    assert not Feed.objects.added().exists()
    assert GiftCode.objects.get() == code
    assert not Alarm.objects.standing().exists()


def test_only_administrators_add_try_and_change_feeds(
    client: Client, game: Simulator, task_queue: TaskQueue
) -> None:
    row = feed(kind=FeedKind.PUSHED)
    person = User.objects.create_user("polls", password="x", is_staff=True)
    person.user_permissions.add(
        *Permission.objects.filter(codename__in=["view_feed", "change_feed", "view_every_guild"])
    )
    client.force_login(person)

    assert client.get(address("feed_changelist")).status_code == 200
    assert client.get(address("feed_change", row.pk)).status_code == 200
    assert client.get(address("feed_add")).status_code == 403
    assert client.get(reverse("admin:live_feed", args=[row.pk])).status_code == 403
    assert client.post(address("feed_change", row.pk), {"name": "x"}).status_code == 403
    for action in ("try_it", "new_token", "trust_it", "ask_a_person"):
        data = {"action": action, "_selected_action": [row.pk], "index": 0}
        client.post(address("feed_changelist"), data)
    row.refresh_from_db()
    assert (row.token_hash, row.name) == ("", "second")
    assert not ConnectionCheck.objects.exists()


# --- Trust, and the figures -----------------------------------------------------------------------
def test_a_person_trusts_a_feed_again_or_lets_its_codes_wait_and_the_alarm_ends(
    browser: Browser, game: Simulator
) -> None:
    for action, trust in (("trust_it", FeedTrust.TRUSTED), ("ask_a_person", FeedTrust.PERSON)):
        Feed.objects.all().delete()
        row = feed(trust=FeedTrust.PERSON, distrusted_at=timezone.now())
        Alarm.objects.raise_once(Alarm.Kind.FEED_WRONG, str(row.pk), "Wrong.")
        page = browser.open("feed_change", row.pk).content.decode()
        assert "no longer trusted" in page
        browser.press(action, row)
        row.refresh_from_db()
        assert (row.trust, row.distrusted_at) == (trust, None)
        assert row.judged_from is not None
        assert not Alarm.objects.standing().exists()


def test_the_list_says_how_often_each_feed_was_first_late_and_wrong(
    browser: Browser, game: Simulator
) -> None:
    now = timezone.now()
    first = feed(name="first", judged_from=now - timedelta(days=9))
    late = feed(name="late", judged_from=now - timedelta(days=9))
    for number, hours in enumerate((1, 2, 30)):
        seen = now - timedelta(days=3)
        code = gift_code(f"CODE{number}", first_seen_at=seen, proven_at=seen)
        for row, at in ((first, seen), (late, seen + timedelta(hours=hours))):
            CodeSighting.objects.create(
                feed=row, gift_code=code, first_seen_at=at, last_seen_at=at, is_first=row == first
            )
    lie = gift_code("LIE", state="closed", closed_outcome="code_not_found")
    CodeSighting.objects.create(
        feed=late, gift_code=lie, first_seen_at=now, last_seen_at=now, is_first=True
    )
    old = gift_code("OLD", state="closed", closed_outcome="code_not_found")
    before = now - timedelta(days=10)
    CodeSighting.objects.create(
        feed=late, gift_code=old, first_seen_at=before, last_seen_at=before, is_first=True
    )

    rows = {row.name: row for row in browser.open("feed_changelist").context["cl"].result_list}

    figures = {name: rows[name].figures for name in ("first", "late")}
    assert (figures["first"].first, figures["first"].wrong) == (3, 0)
    assert figures["first"].late_seconds is None
    assert (figures["late"].first, figures["late"].wrong, figures["late"].listed) == (0, 1, 4)
    assert figures["late"].late_seconds == 2 * 3_600


def test_the_page_of_a_code_says_who_listed_it(browser: Browser) -> None:
    code, now = gift_code("FROST"), timezone.now()
    CodeSighting.objects.create(
        feed=feed(name="first"), gift_code=code, first_seen_at=now, last_seen_at=now, is_first=True
    )
    CodeSighting.objects.create(
        feed=feed(name="later"),
        gift_code=code,
        first_seen_at=now,
        last_seen_at=now,
        is_listed=False,
    )
    facts = browser.open("giftcode_change", code.pk).context["facts"]
    said = [fact.words for fact in facts if fact.name == "Seen in"]
    assert said == ["first, was first", "later, no longer listed"]


def test_home_shows_a_code_of_a_feed_that_waits_and_an_administrator_approves_it(
    browser: Browser, game: Simulator
) -> None:
    row = feed(trust=FeedTrust.PERSON)
    proposal = CodeProposal.objects.create(provider="simulator", code="FROST", feed=row)

    page = browser.client.get(reverse("admin:index")).content.decode()
    assert "Feed “second” of Simulator lists the code FROST, which waits for you" in page
    messages = browser.press("approve", proposal)

    assert "is approved, and is being redeemed now." in messages[0][1]
    assert "None" not in messages[0][1]
    assert CodeSighting.objects.get().gift_code == GiftCode.objects.get()


# --- Poll now -------------------------------------------------------------------------------------
def test_a_feed_that_cannot_be_polled_says_so_and_its_history_has_no_poll(
    browser: Browser, game: Simulator, task_queue: TaskQueue
) -> None:
    polled, hook = feed(name="polled"), feed(name="hook", kind=FeedKind.PUSHED)
    main = Feed.objects.main_of("simulator")  # It has no address.
    gone = feed(name="gone", provider="chess")

    said = [words for _level, words in browser.press("poll_now", polled, hook, main, gone)]

    assert [len(task_queue.arguments("poll_feed")), task_queue.arguments("poll_feed")[0][0]] == [
        1,
        polled.pk,
    ]
    assert len([words for words in said if "is being polled" in words]) == 1
    assert any("another program sends its codes" in words for words in said)
    assert any("no longer in the settings" in words for words in said)
    assert [entry.object_id for entry in LogEntry.objects.all()] == [str(polled.pk)]

    browser.press("poll_now", hook)
    browser.press("poll_now", polled)
    assert [entry.object_id for entry in LogEntry.objects.all()] == [str(polled.pk)] * 2


# --- The webhook ----------------------------------------------------------------------------------
@pytest.fixture
def hook(browser: Browser, game: Simulator) -> tuple[Feed, str]:
    response = add(browser, "pushed")
    assert response.status_code == 302, errors(response)
    row = Feed.objects.added().get()
    data = {"action": "new_token", "_selected_action": [row.pk], "index": 0}
    page = browser.client.post(address("feed_changelist"), data)
    return row, page.context["token"]


def push(hook: tuple[Feed, str], body: Any, *, token: str | None = None, **headers: str) -> Any:
    row, own = hook
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    return Client(enforce_csrf_checks=True).post(
        reverse("receive_codes", args=[row.pk]),
        text,
        content_type="application/json",
        headers={"Authorization": f"Bearer {own if token is None else token}", **headers},
    )


def test_the_token_is_shown_once_and_the_table_has_its_hash(
    browser: Browser, hook: tuple[Feed, str]
) -> None:
    row, token = hook
    row.refresh_from_db()
    assert row.token_hash
    assert token not in row.token_hash
    page = browser.open("feed_change", row.pk).content.decode()
    assert token not in page
    assert f"/sources/{row.pk}/" in page


def test_codes_that_a_program_sends_are_stored_and_fanned_out(
    hook: tuple[Feed, str], task_queue: TaskQueue, django_capture_on_commit_callbacks: Any
) -> None:
    guild(members=1)
    gift_code("KNOWN")
    with django_capture_on_commit_callbacks(execute=True):
        answer = push(hook, {"codes": [{"code": "FROST"}, {"code": "KNOWN"}, {"code": "a b"}]})

    assert answer.status_code == 202
    said = answer.json()
    assert (said["new"], said["known"]) == (["FROST"], ["KNOWN"])
    assert len(said["skipped"]) == 1
    code = GiftCode.objects.get(code="FROST")
    assert ["fan_out", [code.pk, "poll"]] in [list(one) for one in task_queue.enqueued]
    assert push(hook, {"code": "FROST"}).json()["known"] == ["FROST"]


def test_codes_of_a_webhook_that_is_not_trusted_wait_for_a_person(hook: tuple[Feed, str]) -> None:
    Feed.objects.filter(pk=hook[0].pk).update(trust=FeedTrust.PERSON)

    assert push(hook, {"code": "FROST"}).json()["waiting_for_a_person"] == ["FROST"]

    assert not GiftCode.objects.exists()
    assert CodeProposal.objects.get().code == "FROST"


def test_more_codes_than_may_be_tried_must_be_sent_again(hook: tuple[Feed, str]) -> None:
    said = push(hook, {"codes": [{"code": f"CODE{n}"} for n in range(7)]}).json()

    assert len(said["new"]) == 5
    assert said["send_again_later"] == ["CODE5", "CODE6"]


@pytest.mark.parametrize("token", ["", "sr-wrong", "ü"])
def test_without_the_right_token_nothing_is_read(hook: tuple[Feed, str], token: str) -> None:
    answer = push(hook, {"code": "FROST"}, token=token)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert not GiftCode.objects.exists()


def test_a_new_token_ends_the_old_one(hook: tuple[Feed, str]) -> None:
    sources.make_token(hook[0])

    assert push(hook, {"code": "FROST"}).status_code == 401


def test_the_token_of_one_feed_is_not_taken_by_another(hook: tuple[Feed, str]) -> None:
    other = feed(name="other", kind=FeedKind.PUSHED)
    sources.make_token(other)

    assert push((other, hook[1]), {"code": "FROST"}).status_code == 401
    assert push((feed(name="polled"), hook[1]), {"code": "FROST"}).status_code == 401


def test_a_feed_or_a_game_that_is_off_takes_nothing(hook: tuple[Feed, str], settings: Any) -> None:
    sources.switch(hook[0], is_on=False)
    assert push(hook, {"code": "FROST"}).status_code == 409
    sources.switch(hook[0], is_on=True)
    off = replace(settings.PROVIDERS["simulator"], salt="")
    settings.PROVIDERS = {**settings.PROVIDERS, "simulator": off}
    assert push(hook, {"code": "FROST"}).status_code == 409
    assert not GiftCode.objects.exists()


@pytest.mark.parametrize(
    ("body", "status"), [("{", 422), ("", 422), ('{"codes": []}', 422), (b"x" * 65_537, 413)]
)
def test_a_body_without_codes_or_too_long_gets_a_clear_answer(
    hook: tuple[Feed, str], body: Any, status: int
) -> None:
    answer = push(hook, body)

    assert answer.status_code == status
    assert answer.json()["error"]


def test_too_many_requests_and_too_many_wrong_tokens_are_told_to_wait(
    hook: tuple[Feed, str],
) -> None:
    for _ in range(PUSHES_IN_MINUTE):
        assert push(hook, {"code": "FROST"}).status_code == 202
    answer = push(hook, {"code": "FROST"})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    for _ in range(WRONG_TOKENS):
        assert push(hook, {}, token="sr-wrong").status_code == 401
    assert push(hook, {}, token="sr-wrong").status_code == 429


def test_a_webhook_takes_no_other_method(hook: tuple[Feed, str]) -> None:
    assert Client().get(reverse("receive_codes", args=[hook[0].pk])).status_code == 405


def test_a_webhook_has_no_address_to_try_and_another_feed_no_token(
    browser: Browser, hook: tuple[Feed, str]
) -> None:
    assert browser.press("try_it", hook[0])[0][0] != "success"
    row = feed(name="polled")
    data = {"action": "new_token", "_selected_action": [row.pk], "index": 0}
    response = browser.client.post(address("feed_changelist"), data)
    assert messages_of(response)[0][0] == "warning"
    row.refresh_from_db()
    assert row.token_hash == ""
