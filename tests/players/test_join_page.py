"""The page of a join link: what players enter, and the same answer to everybody."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from giftcodes.models import (
    Guild,
    JoinLink,
    JoinRequest,
    Member,
    OptOut,
    PlayerLink,
    PublicPage,
)
from giftcodes.services import joining, self_service_limits
from giftcodes.services.players import opt_out
from tests.factories import guild, member
from tests.players.conftest import ANNA, BRAM, TaskQueue, Visitor, join_address

pytestmark = pytest.mark.django_db


def test_the_page_names_the_guild_and_game_and_says_what_the_player_agrees_to(
    visitor: Visitor, open_link: JoinLink
) -> None:
    page = visitor.get(join_address(open_link))

    assert "Wolves" in page
    assert "Every gift code of Simulator" in page
    assert 'name="realm" value="1042"' in page
    assert "What you agree to" in page
    assert "directory of players" not in page
    assert "<script" not in page


def test_with_a_directory_the_consent_names_it(
    visitor: Visitor, open_link: JoinLink, settings: Any
) -> None:
    config = settings.PROVIDERS["simulator"]
    settings.PROVIDERS = {
        **settings.PROVIDERS,
        "simulator": replace(
            config, salt="x", api_url="http://x", directory_url="http://x/{id}", directory_key="k"
        ),
    }
    assert "directory of players" in visitor.get(join_address(open_link))


def test_a_player_joins_and_catches_up(
    visitor: Visitor, open_link: JoinLink, wolves: Guild, task_queue: TaskQueue
) -> None:
    response = visitor.join(open_link, realm="1043")

    anna = wolves.members.get()
    assert (anna.player_id, anna.nickname, anna.realm) == (ANNA, "Anna", 1043)
    assert (anna.active, anna.consented_on) == (True, timezone.localdate())
    assert task_queue.arguments("catch_up") == [[[wolves.pk]]]
    assert "Hello <bdi>Anna</bdi>" in visitor.get(response["Location"])
    assert anna.history.get().history_change_reason == "player:joined"
    assert wolves.self_service_events.get().kind == "player:joined"


def test_a_realm_that_is_the_guild_s_is_not_stored_with_the_member(
    visitor: Visitor, open_link: JoinLink, wolves: Guild
) -> None:
    visitor.join(open_link)
    assert wolves.members.get().realm is None


@pytest.mark.parametrize(
    "entered",
    ["٣٠٠٠٠٠٠٠١", "３００ ０００ ００１", "ID: 300-000-001", "#300.000.001", "\u200b300000001 "],
)
def test_a_copied_player_id_is_read(visitor: Visitor, open_link: JoinLink, entered: str) -> None:
    assert visitor.join(open_link, entered).status_code == 302
    assert Member.objects.get().player_id == ANNA


@pytest.mark.parametrize("entered", ["#1043", "K1043", "State 1043", "١٠٤٣"])
def test_a_copied_realm_is_read(visitor: Visitor, open_link: JoinLink, entered: str) -> None:
    assert visitor.join(open_link, realm=entered).status_code == 302
    assert Member.objects.get().realm == 1043


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"player": "123"}, "and this one has 3"),
        ({"player": "1234567890123456"}, "and this one has 16"),
        ({"player": "anna"}, "has digits only"),
        ({"player": "30000x0001"}, "has digits only"),
        ({"player": "\0"}, "has digits only"),
        ({"player": ""}, "Enter your player ID."),
        ({"realm": "1.000"}, "separator"),
        ({"realm": ""}, "Enter the number of your state."),
        ({"realm": "0"}, "greater than or equal to 1"),
        ({"realm": "9" * 30}, "too many digits"),
        ({"nickname": ""}, "Enter your name."),
        ({"nickname": "A\nB"}, "control character"),
        ({"nickname": "x" * 41}, "at most 40 characters"),
        ({"consent": ""}, "If you agree, tick the box"),
    ],
)
def test_a_wrong_field_says_what_to_do_and_nothing_is_stored(
    visitor: Visitor, open_link: JoinLink, fields: dict[str, str], words: str
) -> None:
    response = visitor.join(open_link, **fields)

    page = response.content.decode()
    assert response.status_code == 200
    assert words in page
    assert "You have not joined yet" in page
    assert 'value="Anna"' in page or "nickname" in fields
    assert not Member.objects.exists()
    assert not JoinRequest.objects.exists()


# --- Everybody gets the same answer ---------------------------------------------------------------
def answer(visitor: Visitor, link: JoinLink, player: str) -> tuple[Any, ...]:
    """All that the answer to the form says, without the token."""
    response = visitor.join(link, player, nickname="Someone")
    headers = {name: value for name, value in response.headers.items() if name != "Location"}
    policy = headers.pop("Content-Security-Policy")
    headers["Content-Security-Policy"] = sorted(policy.split("; "))
    place = re.sub(r"pl-[a-z0-9]{28}", "TOKEN", response["Location"])
    return response.status_code, place, headers, response.content


@pytest.mark.parametrize("needs_approval", [True, False])
def test_the_answer_is_the_same_for_strangers_members_leavers_and_the_opted_out(
    visitor: Visitor, wolves: Guild, needs_approval: bool
) -> None:
    link = joining.make_join_link(wolves.pk, needs_approval=needs_approval)
    member(wolves, "300000011")
    member(wolves, "300000012", active=False)
    member(guild("Bears"), "300000013")
    opt_out("simulator", "300000014")

    answers = {
        str(answer(visitor, link, player))
        for player in ("300000010", "300000011", "300000012", "300000013", "300000014")
    }
    assert len(answers) == 1, "\n\n".join(sorted(answers))


def test_a_player_who_is_a_member_waits_for_an_officer_and_the_link_shows_no_stored_data(
    visitor: Visitor, open_link: JoinLink, wolves: Guild
) -> None:
    member(wolves, ANNA, nickname="The real Anna", realm=1050, notes="secret notes")
    address = visitor.join(open_link, nickname="Somebody else")["Location"]

    page = visitor.get(address)

    assert "An officer looks at your request" in page
    assert "The real Anna" not in page
    assert "1050" not in page
    assert "Somebody else" in page
    assert wolves.members.get().nickname == "The real Anna"
    assert PlayerLink.objects.get().member is None


def test_an_opted_out_player_stays_opted_out_and_the_page_says_who_decides(
    visitor: Visitor, open_link: JoinLink, wolves: Guild
) -> None:
    opt_out("simulator", ANNA)
    assert "this form asks to come back" in visitor.get(join_address(open_link))

    visitor.join(open_link)

    assert OptOut.objects.exists()
    assert not wolves.members.exists()
    assert JoinRequest.objects.get().player_id == ANNA


def test_a_player_of_another_guild_joins_this_one_too(
    visitor: Visitor, open_link: JoinLink, wolves: Guild
) -> None:
    member(guild("Bears"), ANNA, nickname="Bear-Anna")
    page = visitor.get(visitor.join(open_link)["Location"])
    assert wolves.members.get().nickname == "Anna"
    assert "Bear" not in page


# --- Links ----------------------------------------------------------------------------------------
def test_replaced_ended_and_unknown_links_are_not_found(
    visitor: Visitor, open_link: JoinLink, wolves: Guild
) -> None:
    old = join_address(open_link)
    new = joining.make_join_link(wolves.pk, needs_approval=False)
    assert visitor.client.get(join_address(new)).status_code == 200
    joining.end_join_link(wolves.pk)
    for address in (old, join_address(new), "/join/jn-unknown/", "/join/x/"):
        response = visitor.client.get(address)
        assert response.status_code == 404
        assert "This link does not work" in response.content.decode()
        assert visitor.client.post(address, {"player_id": ANNA}).status_code == 404
    assert not Member.objects.exists()


@pytest.mark.parametrize("ending", ["past", "inactive"])
def test_a_link_ends_at_its_time_or_when_its_guild_is_switched_off(
    visitor: Visitor, wolves: Guild, ending: str
) -> None:
    ends_at = timezone.now() - dt.timedelta(minutes=1) if ending == "past" else None
    link = joining.make_join_link(wolves.pk, needs_approval=False, ends_at=ends_at)
    if ending == "inactive":
        wolves.active = False
        wolves.save()
    assert visitor.join(link).status_code == 404
    assert not Member.objects.exists()


def test_the_tables_hold_no_token(visitor: Visitor, open_link: JoinLink) -> None:
    address = visitor.join(open_link)["Location"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT row::text FROM giftcodes_joinlink row")
        texts = [text for (text,) in cursor.fetchall()]
        cursor.execute("SELECT row::text FROM giftcodes_playerlink row")
        texts += [text for (text,) in cursor.fetchall()]
    assert len(texts) == 2
    assert open_link.token not in "".join(texts)
    assert address.split("/")[2] not in "".join(texts)


# --- Floods ---------------------------------------------------------------------------------------
def test_one_network_address_is_slowed_down_and_another_is_not(
    visitor: Visitor, open_link: JoinLink, monkeypatch: Any
) -> None:
    monkeypatch.setattr(self_service_limits, "JOINS_OF_ADDRESS", 2)
    for player in (ANNA, BRAM):
        assert visitor.join(open_link, player).status_code == 302

    response = visitor.join(open_link, "300000003")

    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 3_600
    assert "Try again in 60 minutes" in response.content.decode()
    assert Member.objects.count() == 2
    visitor.client.defaults["REMOTE_ADDR"] = "203.0.113.9"
    assert visitor.join(open_link, "300000003").status_code == 302


def test_a_link_is_slowed_down_for_all_addresses(
    visitor: Visitor, open_link: JoinLink, monkeypatch: Any
) -> None:
    monkeypatch.setattr(self_service_limits, "JOINS_OF_LINK", 2)
    statuses = []
    for number in range(3):
        visitor.client.defaults["REMOTE_ADDR"] = f"203.0.113.{number}"
        statuses.append(visitor.join(open_link, f"30000000{number}").status_code)
    assert statuses == [302, 302, 429]


def test_a_forged_header_does_not_change_the_network_address(
    visitor: Visitor, open_link: JoinLink, monkeypatch: Any
) -> None:
    monkeypatch.setattr(self_service_limits, "JOINS_OF_ADDRESS", 1)
    visitor.join(open_link, ANNA)
    visitor.client.defaults["HTTP_X_FORWARDED_FOR"] = "203.0.113.9"
    assert visitor.join(open_link, BRAM).status_code == 429


def test_a_full_list_of_requests_takes_no_more_from_anybody(
    visitor: Visitor, wolves: Guild, monkeypatch: Any
) -> None:
    monkeypatch.setattr(joining, "MOST_WAITING", 1)
    link = joining.make_join_link(wolves.pk, needs_approval=True)
    visitor.join(link)
    joining.make_join_link(wolves.pk, needs_approval=False)
    link.refresh_from_db()

    visitor.client.defaults["REMOTE_ADDR"] = "203.0.113.9"

    response = visitor.join(link, BRAM)

    assert response.status_code == 200
    assert "Very many requests" in response.content.decode()
    assert JoinRequest.objects.count() == 1
    assert not Member.objects.exists()


def test_one_network_address_may_have_only_few_waiting_requests_for_a_guild(
    visitor: Visitor, wolves: Guild, monkeypatch: Any
) -> None:
    monkeypatch.setattr(joining, "MOST_WAITING_OF_ADDRESS", 2)
    link = joining.make_join_link(wolves.pk)
    # Two addresses in one customer's network, which count as one.
    for address, player in (("2001:db8::1", ANNA), ("2001:db8::2", BRAM)):
        visitor.client.defaults["REMOTE_ADDR"] = address
        assert visitor.join(link, player).status_code == 302

    response = visitor.join(link, "300000003")

    assert response.status_code == 200
    assert "Several requests from your network are waiting" in response.content.decode()
    assert JoinRequest.objects.count() == 2
    other = joining.make_join_link(guild("Bears").pk)
    assert visitor.join(other, "300000003").status_code == 302
    visitor.client.defaults["REMOTE_ADDR"] = "2001:db8:0:1::1"
    assert visitor.join(link, "300000003").status_code == 302


def test_the_network_address_of_a_request_is_stored_as_a_hash_that_differs_by_guild(
    visitor: Visitor, wolves: Guild
) -> None:
    for of in (wolves, guild("Bears")):
        visitor.join(joining.make_join_link(of.pk))
    stored = set(JoinRequest.objects.values_list("asked_from", flat=True))
    assert len(stored) == 2
    assert all(re.fullmatch("[0-9a-f]{64}", one) for one in stored)


def test_a_stranger_with_some_addresses_does_not_keep_players_out(
    visitor: Visitor, wolves: Guild, monkeypatch: Any
) -> None:
    monkeypatch.setattr(joining, "MOST_WAITING", 6)
    link = joining.make_join_link(wolves.pk)
    for number in range(6):
        visitor.client.defaults["REMOTE_ADDR"] = f"203.0.113.{number % 2}"
        assert visitor.join(link, f"30000000{number}").status_code == 302
    strangers = list(JoinRequest.objects.order_by("pk").values_list("player_id", flat=True))

    for number in range(4):
        visitor.client.defaults["REMOTE_ADDR"] = f"198.51.100.{number}"
        assert visitor.join(link, f"31000000{number}").status_code == 302

    waiting = set(JoinRequest.objects.values_list("player_id", flat=True))
    assert waiting == {*strangers[4:], *(f"31000000{number}" for number in range(4))}
    assert PlayerLink.objects.count() == 6
    # Now each address has one request, and none of these is deleted any more. A second request of
    # the stranger is refused, and so is a request from a new address.
    for address in ("203.0.113.0", "198.51.100.9"):
        visitor.client.defaults["REMOTE_ADDR"] = address
        assert "Very many requests" in visitor.join(link, "320000000").content.decode()


def test_a_player_who_joins_at_once_deletes_no_request(
    visitor: Visitor, open_link: JoinLink, wolves: Guild, monkeypatch: Any
) -> None:
    for player in (ANNA, BRAM):
        member(wolves, player)
        visitor.join(open_link, player)
    monkeypatch.setattr(joining, "MOST_WAITING", 2)
    visitor.client.defaults["REMOTE_ADDR"] = "203.0.113.9"
    assert visitor.join(open_link, "300000003").status_code == 302
    assert JoinRequest.objects.count() == 2
    assert wolves.members.filter(player_id="300000003").exists()


def test_after_many_joins_in_an_hour_an_open_link_asks_an_officer(
    visitor: Visitor, open_link: JoinLink, monkeypatch: Any
) -> None:
    monkeypatch.setattr(joining, "MOST_JOINS_IN_AN_HOUR", 1)
    visitor.join(open_link, ANNA)
    visitor.join(open_link, BRAM)
    assert Member.objects.get().player_id == ANNA
    assert JoinRequest.objects.get().player_id == BRAM


# --- Headers --------------------------------------------------------------------------------------
def test_the_headers_do_not_pass_on_the_address_of_the_page(
    visitor: Visitor, open_link: JoinLink, wolves: Guild
) -> None:
    mine = visitor.join(open_link)["Location"]
    public = reverse("players:public", args=[PublicPage.objects.create(guild=wolves).public_id])
    for address in (join_address(open_link), mine, public, reverse("players:erased"), "/my/x/"):
        for response in (visitor.client.get(address), visitor.client.head(address)):
            assert response["Referrer-Policy"] == "no-referrer"
            assert "noindex" in response["X-Robots-Tag"]
            assert "no-store" in response["Cache-Control"]
            assert response["X-Frame-Options"] == "DENY"
            policy = set(response["Content-Security-Policy"].split("; "))
            has_buttons = address in (mine, public, "/my/x/")
            own = "script-src 'self'" if has_buttons else "script-src 'none'"
            assert {own, "connect-src 'none'", "form-action 'self'"} <= policy
            ours = '<script src="/static/giftcodes/copy.js" defer></script>'
            assert "<script" not in response.content.decode().replace(ours, "", int(has_buttons))
            assert "unsafe" not in response["Content-Security-Policy"]
        assert visitor.client.put(address).status_code == 405


def test_a_form_needs_its_cookie_even_if_the_browser_hides_the_origin(
    open_link: JoinLink,
) -> None:
    client = Client(enforce_csrf_checks=True)
    address = join_address(open_link)
    form = {"player_id": ANNA, "realm": "1042", "nickname": "Anna", "consent": "on"}
    assert client.post(address, form, HTTP_ORIGIN="null").status_code == 403
    page = client.get(address).content.decode()
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found
    form["csrfmiddlewaretoken"] = found[1]
    assert client.post(address, form, HTTP_ORIGIN="https://evil.example").status_code == 403
    assert not Member.objects.exists()
    assert client.post(address, form, HTTP_ORIGIN="null", secure=True).status_code == 302


def test_only_a_post_changes_anything(visitor: Visitor, open_link: JoinLink) -> None:
    fields = {"player_id": ANNA, "realm": "1042", "nickname": "Anna", "consent": "on"}
    for method in (visitor.client.get, visitor.client.head):
        assert method(join_address(open_link), fields).status_code == 200
    assert not Member.objects.exists()
    assert not JoinRequest.objects.exists()
