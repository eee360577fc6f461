"""The officer's page about how players join, and the personal link for a member."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from giftcodes.models import Guild, JoinLink, JoinRequest, OptOut, PlayerLink, PublicPage
from giftcodes.models.roles import OFFICERS, VIEWERS
from giftcodes.services import joining
from giftcodes.services.changes import words_of
from giftcodes.services.joining import Wish
from giftcodes.services.players import opt_out
from tests.admin.conftest import Browser, TaskQueue, messages_of
from tests.admin.test_roles import groups, person
from tests.factories import guild, member

__all__ = ["groups"]

pytestmark = pytest.mark.django_db
ANNA, BRAM = "300000001", "300000002"
CONDITIONS = {"approval": "yes", "days": ""}


@pytest.fixture
def wolves() -> Guild:
    return guild("Wolves")


@pytest.fixture
def officer(
    groups: None, wolves: Guild, task_queue: TaskQueue, django_capture_on_commit_callbacks: Any
) -> Browser:
    return Browser(person("officer", OFFICERS, wolves), django_capture_on_commit_callbacks)


def where(of: Guild) -> str:
    return reverse("admin:joining", args=[of.pk])


def press(browser: Browser, of: Guild, act: str, one: Any = None, **fields: Any) -> str:
    """Press a button. Returns the messages."""
    address = where(of) + (f"?one={one}" if one is not None else "")
    with browser._committing(execute=True):
        response = browser.client.post(address, {"act": act, **fields})
    assert response.status_code == 302
    return " ".join(words for _level, words in messages_of(response))


def page(browser: Browser, of: Guild) -> str:
    response = browser.open("guild_joining", of.pk)
    assert response.status_code == 200
    text: str = response.content.decode()
    return text


def waiting_on_the_tab(browser: Browser, of: Guild) -> str:
    """How many requests wait, as the tab's link on the guild's overview says."""
    shown = browser.open("guild_overview", of.pk).content.decode()
    found = re.search(r'<span class="tab-number">(\d+)<span class="sr-only">([^<]*)', shown)
    return f"{found[1]}{found[2]}" if found else ""


def ask(of: Guild, player: str = ANNA, nickname: str = "Anna") -> JoinRequest:
    link = JoinLink.objects.filter(guild=of).first() or joining.make_join_link(of.pk)
    joining.ask_to_join(link, Wish(player, nickname, 1042))
    return JoinRequest.objects.latest("pk")


# --- The link -------------------------------------------------------------------------------------
def test_the_link_is_made_changed_renewed_and_ended_by_an_officer(
    officer: Browser, wolves: Guild
) -> None:
    assert "no join link yet" in page(officer, wolves)

    assert "The join link is ready" in press(officer, wolves, "make", **CONDITIONS)
    link = JoinLink.objects.get()
    assert link.needs_approval
    assert f"http://testserver/join/{link.token}/" in page(officer, wolves)
    assert Client().get(f"/join/{link.token}/").status_code == 200

    said = press(officer, wolves, "change", approval="no", days="7")
    assert "The link itself is the same" in said
    changed = JoinLink.objects.get()
    assert (changed.token, changed.needs_approval) == (link.token, False)
    assert changed.ends_at
    assert 6.9 < (changed.ends_at - timezone.now()).total_seconds() / 86_400 <= 7

    assert "old one no longer works" in press(officer, wolves, "make", **CONDITIONS)
    assert JoinLink.objects.get().token != link.token
    assert Client().get(f"/join/{link.token}/").status_code == 404

    assert "no longer works" in press(officer, wolves, "end")
    assert not JoinLink.objects.exists()
    assert [words_of(entry) for entry in LogEntry.objects.order_by("pk")] == [
        "Made a join link.",
        "Changed the conditions of the join link.",
        "Made a join link.",
        "Ended the join link.",
    ]


def test_changes_by_people_list_what_officers_decided_about_requests(
    officer: Browser, wolves: Guild
) -> None:
    first, second = ask(wolves), ask(wolves, "200000009", "Bea")
    press(officer, wolves, "approve", chosen=[first.pk])
    press(officer, wolves, "refuse", chosen=[second.pk])
    logged = LogEntry.objects.order_by("pk")
    assert [(entry.object_repr, words_of(entry)) for entry in logged] == [
        (str(wolves.members.get()), "An officer approved the player's request to join."),
        (str(wolves), "Refused 1 request to join."),
    ]
    assert "Bea" not in str(list(LogEntry.objects.values()))


@pytest.mark.parametrize("fields", [{}, {"approval": "maybe"}, {"approval": "yes", "days": "x"}])
def test_invalid_conditions_make_no_link(
    officer: Browser, wolves: Guild, fields: dict[str, str]
) -> None:
    assert "The link was not made" in press(officer, wolves, "make", **fields)
    assert not JoinLink.objects.exists()


def test_the_page_says_what_to_do_if_the_link_cannot_be_decrypted(
    browser: Browser, wolves: Guild
) -> None:
    joining.make_join_link(wolves.pk)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE giftcodes_joinlink SET token = 'enc1:00000000:x'")
    assert "If you need a link to copy, make a new one." in page(browser, wolves)


def test_the_page_says_that_the_link_has_ended(officer: Browser, wolves: Guild) -> None:
    joining.make_join_link(wolves.pk, ends_at=timezone.now())
    assert "The link ended on" in page(officer, wolves)


def test_the_public_page_is_switched_on_and_off(officer: Browser, wolves: Guild) -> None:
    assert "public page is on" in press(officer, wolves, "publish")
    address = f"/codes/{PublicPage.objects.get().public_id}/"
    assert address in page(officer, wolves)
    assert Client().get(address).status_code == 200
    assert "public page is off" in press(officer, wolves, "unpublish")
    assert Client().get(address).status_code == 404


# --- Requests -------------------------------------------------------------------------------------
def test_one_click_approves_and_the_codes_are_redeemed(
    officer: Browser, wolves: Guild, task_queue: TaskQueue
) -> None:
    request = ask(wolves)
    shown = page(officer, wolves)
    assert "1 request waits for you" in shown
    assert waiting_on_the_tab(officer, wolves) == "1 request waits"
    found = re.search(r'value="approve" formaction="[^"]*\?one=(\d+)"', shown)
    assert found
    assert found[1] == str(request.pk)

    assert "1 request is approved" in press(officer, wolves, "approve", one=request.pk)

    assert wolves.members.get().nickname == "Anna"
    assert task_queue.arguments("catch_up") == [[[wolves.pk]]]
    shown = page(officer, wolves)
    assert "An officer approved" in shown
    assert waiting_on_the_tab(officer, wolves) == ""


def test_several_requests_are_decided_at_once(officer: Browser, wolves: Guild) -> None:
    requests = [ask(wolves, f"30000000{number}") for number in range(4)]
    pks = [one.pk for one in requests]
    assert "2 requests are approved" in press(officer, wolves, "approve", chosen=pks[:2])
    assert "2 requests are refused" in press(officer, wolves, "refuse", chosen=pks[2:])
    assert wolves.members.count() == 2
    assert not JoinRequest.objects.exists()


def test_a_message_says_that_no_request_was_chosen(officer: Browser, wolves: Guild) -> None:
    for act in ("approve", "refuse"):
        for fields in ({}, {"chosen": ["x", "999999", "9" * 30]}):
            assert "No request was chosen" in press(officer, wolves, act, **fields)


def test_what_an_officer_should_know_stands_beside_the_request(
    officer: Browser, wolves: Guild
) -> None:
    member(wolves, ANNA)
    member(wolves, BRAM, active=False)
    opt_out("simulator", "300000003")
    for player in (ANNA, BRAM, "300000003", "300000004", "300000004"):
        ask(wolves, player)
    shown = page(officer, wolves)
    for words in ("is a member", "was a member", "asked earlier to be left out"):
        assert shown.count(words) == 1, words
    assert shown.count("entered more than once") == 2
    assert "Only an administrator can approve this" in shown


def test_an_opt_out_is_ended_by_an_administrator_only(
    officer: Browser, browser: Browser, wolves: Guild
) -> None:
    opt_out("simulator", ANNA)
    request = ask(wolves)
    said = press(officer, wolves, "approve", one=request.pk)
    assert "only an administrator can approve them: Anna (300000001)" in said
    assert OptOut.objects.exists()
    assert "1 request is approved" in press(browser, wolves, "approve", one=request.pk)
    assert not OptOut.objects.exists()


def test_an_officer_refuses_the_whole_list_but_no_request_that_came_later(
    officer: Browser, wolves: Guild, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining, "MOST_WAITING", 3)
    for number in range(2):
        ask(wolves, f"30000000{number}")
    assert "The list is full" not in page(officer, wolves)
    ask(wolves, "300000002")
    shown = page(officer, wolves)
    assert "The list is full" in shown
    assert "Refuse all 3 of this list" in shown
    assert "older than a day" not in shown
    assert "The list is full" in officer.client.get("/admin/").content.decode()
    last = re.search(r'name="last" value="(\d+)"', shown)
    assert last
    monkeypatch.setattr(joining, "MOST_WAITING", 100)
    later = ask(wolves, "300000009")

    assert "3 requests are refused" in press(officer, wolves, "refuse_all", last=last[1])

    assert JoinRequest.objects.get() == later
    assert wolves.self_service_events.filter(kind="player:refused").count() == 3


def test_an_officer_refuses_the_old_requests(officer: Browser, wolves: Guild) -> None:
    old, new = ask(wolves, ANNA), ask(wolves, BRAM)
    JoinRequest.objects.filter(pk=old.pk).update(asked_at=timezone.now() - timedelta(days=1))
    assert "Refuse 1 that is older than a day" in page(officer, wolves)
    assert "1 request is refused" in press(officer, wolves, "refuse_old", last=new.pk)
    assert JoinRequest.objects.get() == new
    for last in ("", "x", "9" * 30):
        assert "No request was chosen" in press(officer, wolves, "refuse_old", last=last)


# --- Who may open the pages -----------------------------------------------------------------------
def test_an_officer_sees_and_changes_nothing_of_another_guild(
    officer: Browser, wolves: Guild
) -> None:
    bears = guild("Bears")
    theirs = ask(bears, BRAM)
    anna = member(bears, ANNA)
    assert officer.client.get(where(bears)).status_code == 404
    for act in ("make", "end", "publish", "approve", "refuse", "refuse_all", "refuse_old"):
        response = officer.client.post(where(bears), {"act": act, "last": theirs.pk, **CONDITIONS})
        assert response.status_code == 404
    press(officer, wolves, "approve", one=theirs.pk)
    press(officer, wolves, "refuse", chosen=[theirs.pk])
    press(officer, wolves, "refuse_all", last=theirs.pk)
    assert JoinRequest.objects.get() == theirs
    link = reverse("admin:personal_link", args=[anna.pk])
    assert officer.client.get(link).status_code == 404
    assert officer.client.post(link).status_code == 404
    assert "Bears" not in page(officer, wolves)


def test_a_viewer_and_a_stranger_may_not_open_the_pages(
    groups: None, wolves: Guild, client: Client
) -> None:
    anna = member(wolves, ANNA)
    viewer = person("viewer", VIEWERS)
    for address in (where(wolves), reverse("admin:personal_link", args=[anna.pk])):
        assert viewer.get(address).status_code == 403
        assert viewer.post(address, {"act": "make", **CONDITIONS}).status_code == 403
        assert client.get(address).status_code == 302
    assert not JoinLink.objects.exists()
    assert not PlayerLink.objects.exists()
    assert viewer.get(reverse("admin:giftcodes_guild_joining", args=[wolves.pk])).status_code == 403


def test_the_old_address_leads_to_the_tab(officer: Browser, wolves: Guild) -> None:
    tab = reverse("admin:giftcodes_guild_joining", args=[wolves.pk])
    assert officer.client.get(where(wolves))["Location"] == tab


def test_each_link_has_a_button_that_copies_it(officer: Browser, wolves: Guild) -> None:
    press(officer, wolves, "make", **CONDITIONS)
    press(officer, wolves, "publish")
    shown = page(officer, wolves)
    for field in ("join-address", "public-address"):
        assert f'id="{field}"' in shown
        assert f'data-copy="#{field}"' in shown


def test_numbers_that_no_row_has_are_not_found(browser: Browser) -> None:
    for number in ("0", "9" * 18, "9" * 30):
        for name in ("joining", "personal-link"):
            assert browser.client.get(f"/admin/{name}/{number}/").status_code == 404


# --- The personal link ----------------------------------------------------------------------------
def test_an_officer_makes_a_link_that_is_shown_once(officer: Browser, wolves: Guild) -> None:
    anna = member(wolves, ANNA, nickname="Anna")
    address = reverse("admin:personal_link", args=[anna.pk])
    assert address in officer.open("member_change", anna.pk).content.decode()
    assert "Make the personal link" in officer.client.get(address).content.decode()
    assert not PlayerLink.objects.exists()

    response = officer.client.post(address)

    found = re.search(r"http://testserver(/my/pl-[a-z0-9]{28}/)", response.content.decode())
    assert found
    assert "no-store" in response["Cache-Control"]
    # With the stricter `no-referrer`, browsers would send the form without its origin, and it would
    # be refused.
    assert response["Referrer-Policy"] == "same-origin"
    assert "Hello <bdi>Anna</bdi>" in Client().get(found[1]).content.decode()
    assert "pl-" not in officer.client.get(address).content.decode()
    assert PlayerLink.objects.get().is_confirmed
    history = officer.client.get(reverse("admin:giftcodes_member_history", args=[anna.pk]))
    assert history.status_code == 200


def test_the_history_says_what_the_player_did(officer: Browser, wolves: Guild) -> None:
    anna = member(wolves, ANNA, nickname="Anna")
    token = PlayerLink.objects.issue(guild_id=wolves.pk, member=anna, is_confirmed=True)[1]
    Client().post(f"/my/{token}/", {"act": "correct", "realm": "1043"})
    Client().post(f"/my/{token}/", {"act": "leave", "sure": "yes"})
    history = officer.client.get(reverse("admin:giftcodes_member_history", args=[anna.pk]))
    for words in ("The player corrected the state or kingdom.", "The player left the guild."):
        assert words in history.content.decode()
    assert "The player left the guild" in page(officer, wolves)


def test_the_number_of_queries_does_not_depend_on_the_number_of_requests(
    browser: Browser, wolves: Guild
) -> None:
    counts = []
    for round_ in range(2):
        for number in range(3):
            ask(wolves, f"3000000{round_}{number}")
        with CaptureQueriesContext(connection) as queries:
            page(browser, wolves)
        counts.append(len(queries))
    assert counts[0] == counts[1]
