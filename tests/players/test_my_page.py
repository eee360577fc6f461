"""A player's own page: the codes in words, and what each button does."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from giftcodes.models import (
    Attempt,
    DirectoryLookup,
    Guild,
    JoinRequest,
    Member,
    MemberRedemption,
    OptOut,
    PlayerLink,
    Redemption,
    SelfServiceEvent,
)
from giftcodes.players import my_page
from giftcodes.queries import my_codes
from giftcodes.services import joining, personal_links, self_service_limits
from giftcodes.services.imports import import_members
from giftcodes.services.players import opt_in, opt_out, opt_out_in
from tests.factories import gift_code, guild, member
from tests.member_lists import read_members
from tests.players.conftest import ANNA, TaskQueue, Visitor, personal, row

pytestmark = pytest.mark.django_db
LISTED = read_members(f"{ANNA}\n".encode()).members
REFUSED = {"outcome": "wrong_realm", "asked_realm": 1042}
#: What is in each form of the page, but not in the one that chooses the language.
OWN_FORM = b"csrfmiddlewaretoken"


# --- The codes ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("state", "fields", "closed_by", "words"),
    [
        ("redeemed", {}, "", ("You have these", "Redeemed for you", "in your mail in the game")),
        ("already_received", {}, "", ("You have these", "You have it already")),
        ("same_type", {}, "", ("another code of this group",)),
        ("pending", {}, "", ("On the way", "Waiting for its turn", "need not do anything")),
        ("in_flight", {}, "", ("On the way", "Being redeemed right now")),
        ("unconfirmed", {}, "", ("On the way", "no clear answer")),
        (
            "needs_correction",
            REFUSED,
            "",
            ("Needs you", "does not know your player ID in state 1042", "Correct your state"),
        ),
        (
            "not_eligible",
            {"outcome": "level_too_low"},
            "",
            ("Not for your account yet", "Your level is too low", "every day"),
        ),
        ("failed", {}, "", ("Needs you", "No clear answer", "tell an officer")),
        (
            "cancelled",
            {"cancel_kind": "code_closed", "outcome": "code_not_found"},
            "code_not_found",
            ("Not received", "The game does not know this code."),
        ),
        ("cancelled", {"cancel_kind": "stopped"}, "", ("Stopped by an officer",)),
        ("needs_correction", REFUSED, "code_expired", ("Not received",)),
        ("failed", {}, "code_expired", ("Not received", "The code has expired.")),
    ],
)
def test_each_state_is_described_in_words_for_players(
    visitor: Visitor,
    anna: Member,
    state: str,
    fields: dict[str, Any],
    closed_by: str,
    words: tuple[str, ...],
) -> None:
    closed = {"state": "closed", "closed_outcome": closed_by} if closed_by else {}
    row(anna, gift_code("FROST", rewards="500 gems", **closed), state, **fields)

    page = visitor.get(personal(anna))

    for text in (*words, "FROST", "500 gems"):
        assert text in page, text
    assert "Correct your" not in page or (state, closed_by) == ("needs_correction", "")


def test_a_code_that_ended_by_its_date_names_the_date(visitor: Visitor, anna: Member) -> None:
    noon = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
    ended = gift_code("FROST", state="closed", closed_at=noon, expires_at=noon)
    row(anna, ended, "failed")
    assert "The code expired on 2026-11-20." in visitor.get(personal(anna))


def test_a_code_without_a_row_is_shown_as_on_the_way_and_a_reissued_code_is_shown_once(
    visitor: Visitor, anna: Member
) -> None:
    old = gift_code("FROST", state="closed")
    row(anna, old, "redeemed")
    gift_code("FROST", issue=2)
    gift_code("GONE", state="deleted")
    gift_code("OTHERGAME", provider="kingshot")

    page = visitor.get(personal(anna))

    assert page.count("FROST") == 1
    assert "Waiting for its turn" in page
    assert "GONE" not in page
    assert "OTHERGAME" not in page


def test_a_new_member_is_not_told_to_wait_for_a_code_whose_redemption_was_stopped(
    visitor: Visitor, anna: Member
) -> None:
    Redemption.objects.create(guild=anna.guild, gift_code=gift_code("FROST"), state="stopped")
    gift_code("SNOW")

    page = visitor.get(personal(anna))

    assert "SNOW" in page
    assert "FROST" not in page


def test_a_code_that_the_player_has_is_not_shown_as_waiting_when_older_codes_are_left_out(
    anna: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(my_codes, "MOST_CODES", 2)
    for code in ("OLDEST", "OLD"):
        row(anna, gift_code(code), "redeemed")
    gift_code("WAITS")
    row(anna, gift_code("NEW"), "redeemed")

    shown = {one.code.code: one.state for one in my_codes.codes_of(anna)}

    assert shown == {"NEW": "redeemed", "WAITS": None}


def test_the_page_says_nothing_about_another_guild(visitor: Visitor, anna: Member) -> None:
    bears = guild("Bears")
    other = member(bears, ANNA, nickname="Bear-Anna", notes="Bear notes", realm=77)
    frost = gift_code("FROST")
    proof = row(other, frost, "redeemed")
    row(anna, frost, "already_received", covered_by=proof, reason="Covered: another guild.")
    row(other, gift_code("SECRET", state="closed"), "redeemed")
    address = personal(anna)

    page = visitor.get(address)
    data = visitor.post(address, act="download").content.decode()

    for text in (page, data):
        assert "Bear" not in text
        assert "SECRET" not in text
    assert "another guild" not in page
    assert "Redeemed for you" in page


def _unknown_in(one: MemberRedemption, *realms: int) -> None:
    """The game refused the member's player ID in these states."""
    for realm in realms:
        Attempt.objects.create(
            member_redemption=one,
            gift_code=one.gift_code,
            player_id=one.player_id,
            realm=realm,
            token=realm,
            outcome="wrong_realm",
        )
    Member.objects.filter(pk=one.member_id).update(
        refused_realm=realms[-1], refused_at=timezone.now(), refused_since=timezone.now()
    )


def test_after_two_refused_numbers_the_page_says_that_the_player_id_may_be_wrong(
    visitor: Visitor, anna: Member
) -> None:
    first = row(anna, gift_code(), "needs_correction", **REFUSED)
    row(anna, gift_code(), "needs_correction", **REFUSED)
    _unknown_in(first, 1042)
    page = visitor.get(personal(anna))
    assert "did not find your account in state 1042. Correct your state" in page
    assert "player ID may be wrong" not in page

    Member.objects.filter(pk=anna.pk).update(realm=1043)
    MemberRedemption.objects.update(asked_realm=1043)
    _unknown_in(first, 1043)
    page = visitor.get(personal(anna))
    assert "did not find your account in state 1042 and 1043. So the player ID may be" in page
    assert "tell an officer of the guild the right ID" in page


def test_a_cause_is_told_once_for_all_its_codes(visitor: Visitor, anna: Member) -> None:
    for name in ("FROST", "SNOW"):
        row(anna, gift_code(name), "needs_correction", **REFUSED)
        row(anna, gift_code(f"{name}2"), "not_eligible", outcome="level_too_low")
    page = visitor.get(personal(anna))
    for words in ("Your account was not found", 'href="#realm"', "Your level is too low"):
        assert page.count(words) == 1, words
    for name in ("FROST", "SNOW", "FROST2", "SNOW2"):
        assert f"<code>{name}</code>" in page


@pytest.mark.parametrize("change", [{"opted_out": True}, {"active": False}], ids=["out", "left"])
def test_a_player_for_whom_nothing_is_redeemed_is_asked_for_nothing(
    visitor: Visitor, anna: Member, change: dict[str, Any]
) -> None:
    row(anna, gift_code(), "needs_correction", **REFUSED)
    row(anna, gift_code(), "failed")
    row(anna, gift_code(), "not_eligible", outcome="level_too_low")
    Member.objects.filter(pk=anna.pk).update(**change)
    page = visitor.get(personal(anna))
    assert "Not received" in page
    for words in ("Needs you", "Correct your", "#realm", "tell an officer.", "tried again"):
        assert words not in page, words


def test_a_code_that_the_game_does_not_know_is_shown_as_one_sentence_and_does_not_count(
    visitor: Visitor, anna: Member
) -> None:
    row(anna, gift_code("FROST"), "redeemed")
    unknown = {"state": "closed", "closed_outcome": "code_not_found"}
    row(anna, gift_code("TYPO", **unknown), "cancelled", cancel_kind="code_closed")
    row(anna, gift_code("WRONG", **unknown), "needs_correction", **REFUSED)

    page = visitor.get(personal(anna))

    assert page.count("The game does not know this code.") == 1
    assert "before it was your turn" not in page
    assert "does not know your player ID" not in page
    assert "<strong>1</strong> of 1 code<" in page


def test_without_codes_the_page_says_so(visitor: Visitor, anna: Member) -> None:
    assert "No codes yet" in visitor.get(personal(anna))


def test_the_number_of_queries_does_not_depend_on_the_number_of_codes(
    visitor: Visitor, anna: Member
) -> None:
    address = personal(anna)
    counts = []
    for _ in range(2):
        for _ in range(3):
            row(anna, gift_code(), "redeemed")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            visitor.get(address)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 6


def test_a_name_from_a_game_is_escaped(visitor: Visitor, anna: Member) -> None:
    Member.objects.filter(pk=anna.pk).update(nickname="<script>x</script>")
    assert "<script>" not in visitor.get(personal(anna))


# --- Links ----------------------------------------------------------------------------------------
def test_ended_unknown_and_malformed_tokens_open_nothing(visitor: Visitor, anna: Member) -> None:
    address = personal(anna)
    PlayerLink.objects.update(ends_at=timezone.now() - dt.timedelta(seconds=1))
    for one in (address, "/my/pl-unknown/", "/my/x/"):
        response = visitor.client.get(one)
        assert response.status_code == 404
        assert "This link does not work" in response.content.decode()
        assert visitor.post(one, act="leave", sure="yes").status_code == 404
    anna.refresh_from_db()
    assert anna.active


def test_a_new_link_replaces_the_old_one(visitor: Visitor, anna: Member) -> None:
    old = personal(anna)
    response = visitor.post(old, act="renew")
    new = response["Location"]
    assert new != old
    assert "This is your new link" in visitor.get(new)
    assert visitor.client.get(old).status_code == 404
    assert PlayerLink.objects.get().is_confirmed


def test_no_get_changes_anything(visitor: Visitor, anna: Member) -> None:
    address = personal(anna)
    before = list(Member.objects.values()), list(PlayerLink.objects.values())
    for act in ("correct", "leave", "stop", "erase", "renew", "download", "ask", "withdraw"):
        fields = {"act": act, "sure": "yes", "realm": "7"}
        for method in (visitor.client.get, visitor.client.head):
            assert method(address, fields).status_code == 200
    assert (list(Member.objects.values()), list(PlayerLink.objects.values())) == before
    assert not SelfServiceEvent.objects.exists()


def test_a_button_that_does_not_apply_does_nothing(visitor: Visitor, anna: Member) -> None:
    address = personal(anna, is_confirmed=False)
    for act in ("stop", "download", "erase", "start", "withdraw", "unknown", ""):
        assert "Nothing was changed" in visitor.press(address, act, sure="yes"), act
    assert not OptOut.objects.exists()
    assert Member.objects.get().nickname == "Anna"


# --- The realm ------------------------------------------------------------------------------------
def test_a_correction_of_the_realm_says_how_many_codes_are_tried_again(
    visitor: Visitor, anna: Member, task_queue: TaskQueue
) -> None:
    Member.objects.filter(pk=anna.pk).update(refused_realm=1042, refused_at=timezone.now())
    for _ in range(2):
        row(anna, gift_code(), "needs_correction", **REFUSED)
    row(anna, gift_code(state="closed"), "needs_correction", **REFUSED)
    row(anna, gift_code(), "redeemed")

    page = visitor.press(personal(anna), "correct", realm="#1043")

    assert "Saved: State 1043. 2 codes are tried again now." in page
    assert page.count("Being tried in State 1043") == 1
    assert "did not find your account" not in page
    assert "Needs you" not in page
    anna.refresh_from_db()
    assert anna.realm == 1043
    assert task_queue.arguments("catch_up") == [[[anna.guild_id]]]
    assert anna.history.latest().history_change_reason == "player:corrected"
    assert SelfServiceEvent.objects.get().kind == "player:corrected"


def test_after_a_correction_the_page_reloads_itself_while_codes_wait(
    visitor: Visitor, anna: Member
) -> None:
    waits = row(anna, gift_code(), "needs_correction", **REFUSED)
    address = personal(anna)
    corrected = visitor.post(address, act="correct", realm="1043")["Location"]

    shown = visitor.client.get(corrected)

    assert shown.headers["Refresh"] == f"{my_page.LOOK_AFTER}; url=?look=2"
    # Without a form, a reload cannot lose what a player has entered.
    assert OWN_FORM not in shown.content
    assert "Refresh" not in visitor.client.get(address).headers
    for look in (str(my_page.MOST_LOOKS + 1), "0", "-1", "x", "9" * 50):
        later = visitor.client.get(address, {"look": look})
        assert "Refresh" not in later.headers, look
        assert OWN_FORM in later.content, look

    waits.state = "redeemed"
    waits.save()
    done = visitor.client.get(corrected)
    assert "Refresh" not in done.headers
    assert OWN_FORM in done.content


def test_a_code_whose_run_was_stopped_is_not_being_tried(visitor: Visitor, anna: Member) -> None:
    waits = row(anna, gift_code(), "needs_correction", **REFUSED)
    Redemption.objects.filter(pk=waits.redemption_id).update(state="stopped")
    Member.objects.filter(pk=anna.pk).update(realm=1043)

    assert "Being tried" not in visitor.get(personal(anna))


def test_the_same_realm_changes_nothing(
    visitor: Visitor, anna: Member, task_queue: TaskQueue
) -> None:
    assert "Nothing to change: State 1042" in visitor.press(personal(anna), "correct", realm="1042")
    assert task_queue.enqueued == []
    assert not SelfServiceEvent.objects.exists()


def test_a_wrong_realm_is_an_error_on_the_page(visitor: Visitor, anna: Member) -> None:
    response = visitor.post(personal(anna), act="correct", realm="north")
    assert response.status_code == 200
    assert "Write digits only" in response.content.decode()


def test_corrections_are_limited_because_each_sends_requests(
    visitor: Visitor, anna: Member, monkeypatch: Any
) -> None:
    monkeypatch.setattr(self_service_limits, "CORRECTIONS_OF_LINK", 1)
    address = personal(anna)
    visitor.press(address, "correct", realm="1043")
    assert visitor.post(address, act="correct", realm="1044").status_code == 429
    anna.refresh_from_db()
    assert anna.realm == 1043


def test_presses_of_buttons_are_limited(visitor: Visitor, anna: Member, monkeypatch: Any) -> None:
    monkeypatch.setattr(self_service_limits, "WISHES_OF_LINK", 1)
    address = personal(anna)
    visitor.post(address, act="download")
    assert visitor.post(address, act="leave", sure="yes").status_code == 429


# --- Leaving and coming back ----------------------------------------------------------------------
def test_leaving_needs_a_tick_and_coming_back_needs_an_officer(
    visitor: Visitor, anna: Member, task_queue: TaskQueue
) -> None:
    address = personal(anna)
    assert "Tick “I am sure” first" in visitor.press(address, "leave")
    assert Member.objects.get().active

    page = visitor.press(address, "leave", sure="yes")

    assert "You have left" in page
    assert "You are not in this guild now" in page
    assert not Member.objects.get().active
    assert anna.history.latest().history_change_reason == "player:left"
    assert task_queue.arguments("catch_up") == [[[anna.guild_id]]]
    assert "An officer looks at your request" in visitor.press(address, "ask")
    assert JoinRequest.objects.get().link == PlayerLink.objects.get()
    assert not Member.objects.get().active
    assert "This is the page as it is now" in visitor.press(address, "ask")


def test_an_opt_out_holds_in_this_guild_only_and_the_same_link_takes_it_back(
    visitor: Visitor, anna: Member, task_queue: TaskQueue
) -> None:
    other = member(guild("Bears"), ANNA)
    address = personal(anna)

    page = visitor.press(address, "stop", sure="yes")

    assert "You asked to be left out" in page
    assert set(Member.objects.filter(opted_out=True)) == {anna}
    assert not OptOut.objects.exists()
    assert not other.history.filter(opted_out=True).exists()
    assert anna.history.latest().history_change_reason == "player:opted_out"
    assert task_queue.arguments("catch_up") == [[[anna.guild_id]]]
    assert import_members(anna.guild_id, LISTED).opted_out == [ANNA]
    assert not import_members(other.guild_id, LISTED).opted_out
    assert "Welcome back" in visitor.press(address, "start")
    assert not Member.objects.filter(opted_out=True).exists()


def test_a_link_of_an_earlier_version_takes_back_its_opt_out_in_its_guild_only(
    visitor: Visitor, anna: Member
) -> None:
    """In an earlier release of Redeemer, a link opted the player out in all guilds."""
    other = member(guild("Bears"), ANNA)
    address = personal(anna)
    opt_out("simulator", ANNA)
    PlayerLink.objects.update(opted_out_at=OptOut.objects.get().created_at)

    assert "Welcome back" in visitor.press(address, "start")

    assert not OptOut.objects.exists()
    assert set(Member.objects.filter(opted_out=True)) == {other}


def test_a_link_does_not_take_back_an_officer_s_opt_out_in_the_guild(
    visitor: Visitor, anna: Member
) -> None:
    address = personal(anna)
    visitor.press(address, "stop", sure="yes")
    opt_in("simulator", ANNA)
    opt_out_in(Member.objects.filter(pk=anna.pk))
    assert 'value="start"' not in visitor.get(address)
    visitor.press(address, "start")
    assert Member.objects.get().opted_out


def test_a_link_does_not_take_back_an_administrator_s_opt_out(
    visitor: Visitor, anna: Member
) -> None:
    address = personal(anna)
    opt_out("simulator", ANNA)
    page = visitor.get(address)
    assert "An administrator of this site decides" in page
    assert 'value="start"' not in page
    visitor.press(address, "start")
    assert OptOut.objects.exists()

    opt_in("simulator", ANNA)
    visitor.press(address, "stop", sure="yes")
    opt_in("simulator", ANNA)
    opt_out("simulator", ANNA)
    visitor.press(address, "start")
    assert OptOut.objects.exists()


# --- Data -----------------------------------------------------------------------------------------
def test_the_download_has_the_player_s_data(visitor: Visitor, anna: Member) -> None:
    row(anna, gift_code("FROST"), "redeemed")

    response = visitor.post(personal(anna), act="download")

    assert response["Content-Type"] == "application/json"
    assert "attachment" in response["Content-Disposition"]
    assert "no-store" in response["Cache-Control"]
    data = json.loads(response.content)
    assert data["members"][0]["nickname"] == "Anna"
    assert data["redemptions"][0]["code"] == "FROST"
    assert SelfServiceEvent.objects.get().kind == "player:downloaded"


def test_the_download_has_only_what_the_directory_said_since_the_consent_in_this_guild(
    visitor: Visitor, anna: Member
) -> None:
    member(guild("Bears"), ANNA, consented_on=dt.date(2026, 1, 1))
    asked = timezone.now() - dt.timedelta(minutes=1)
    lookup = DirectoryLookup.objects.create(
        provider="simulator",
        player_id=ANNA,
        asked_at=asked,
        answered_at=asked,
        said="found",
        name="Secret-name",
        realm=77,
        realm_since=asked,
    )
    address = personal(anna)

    def directory() -> Any:
        return json.loads(visitor.post(address, act="download").content)["directory"]

    assert directory() == []
    # Entering a past day of consent does not reveal what the directory said since that day.
    anna.consented_on = dt.date(2026, 1, 1)
    anna.save()
    assert directory() == []
    lookup.asked_at = timezone.now()
    lookup.save()
    [only_asked] = directory()
    assert (only_asked["name"], only_asked["realm"], only_asked["said"]) == ("", None, "")
    lookup.answered_at = timezone.now()
    lookup.save()
    [answered] = directory()
    assert (answered["name"], answered["realm"]) == ("Secret-name", 77)
    assert answered["realm_since"] is None


def test_an_erasure_deletes_the_player_s_data_and_the_link(visitor: Visitor, anna: Member) -> None:
    row(anna, gift_code("FROST"), "redeemed")
    address = personal(anna)
    assert "Tick “I am sure” first" in visitor.press(address, "erase")

    page = visitor.press(address, "erase", sure="yes")

    assert "Your data is erased" in page
    assert visitor.client.get(address).status_code == 404
    anna.refresh_from_db()
    assert (anna.player_id, anna.nickname) == (ANNA, "")
    assert (anna.active, anna.opted_out) == (False, True)
    assert not OptOut.objects.exists()
    assert import_members(anna.guild_id, LISTED).opted_out == [ANNA]
    assert not PlayerLink.objects.exists()
    assert [event.member for event in SelfServiceEvent.objects.all()] == [None]


def test_nothing_is_erased_while_a_request_is_under_way(visitor: Visitor, anna: Member) -> None:
    row(anna, gift_code("FROST"), "in_flight")
    address = personal(anna)
    assert "Press the button again in a minute" in visitor.press(address, "erase", sure="yes")
    assert (Member.objects.get().nickname, Member.objects.get().opted_out) == ("Anna", True)


def test_what_an_erasure_leaves_does_not_tell_whether_another_guild_knows_the_player(
    visitor: Visitor, anna: Member
) -> None:
    bram = member(anna.guild, "300000002", nickname="Bram")
    member(guild("Bears"), ANNA)
    frost = gift_code("FROST")
    for one in (anna, bram):
        row(one, frost, "redeemed")
        visitor.press(personal(one), "erase", sure="yes")
    columns = ("nickname", "active", "opted_out", "consented_on", "realm", "notes")
    both = Member.objects.filter(guild=anna.guild).order_by("pk")
    assert [one.player_id for one in both] == [ANNA, "300000002"]
    assert len(set(both.values_list(*columns))) == 1
    assert set(MemberRedemption.objects.values_list("player_id", flat=True)) == {
        ANNA,
        "300000002",
    }
    assert not OptOut.objects.exists()


def test_a_player_of_two_guilds_is_erased_in_one_and_nothing_is_lost_in_the_other(
    visitor: Visitor, anna: Member
) -> None:
    bears = guild("Bears")
    other = member(bears, ANNA, nickname="Bear-Anna", notes="Bear notes")
    anna.nickname = "Annalise"
    anna.save()
    row(anna, gift_code("FROST"), "redeemed")

    page = visitor.press(personal(anna), "erase", sure="yes")

    assert "Your data is erased" in page
    anna.refresh_from_db()
    other.refresh_from_db()
    assert (anna.nickname, anna.active, anna.opted_out) == ("", False, True)
    (added,) = anna.history.all()
    assert (added.history_type, added.nickname, added.realm, added.notes) == ("+", "", None, "")
    assert (other.nickname, other.notes, other.opted_out) == ("Bear-Anna", "Bear notes", False)
    assert (other.player_id, other.active) == (ANNA, True)
    assert MemberRedemption.objects.get().player_id == ANNA
    assert not PlayerLink.objects.exists()


def test_an_erasure_makes_no_room_for_another_player_this_week(
    visitor: Visitor, anna: Member, settings: Any
) -> None:
    settings.MEMBERS_PER_GUILD = 2
    assert anna.guild.may_add(["300000009"])
    visitor.press(personal(anna), "erase", sure="yes")

    assert anna.guild.may_add(["300000009"])
    assert not anna.guild.may_add(["300000009", "300000008"])
    settings.MEMBERS_PER_GUILD = 1
    assert not anna.guild.may_add(["300000009"])


# --- Players who joined without an officer --------------------------------------------------------
def test_an_unconfirmed_link_asks_an_officer_before_it_opts_out_or_erases(
    visitor: Visitor, anna: Member
) -> None:
    address = personal(anna, is_confirmed=False)
    page = visitor.get(address)
    assert "an officer first confirms that it is you" in page
    for act in ("stop", "download", "erase"):
        assert f'value="{act}"' not in page
    assert "The officers have your request" in visitor.press(address, "ask")
    assert JoinRequest.objects.get().player_id == ANNA
    assert "You asked for this" in visitor.get(address)


def test_a_waiting_request_can_be_withdrawn(visitor: Visitor, wolves: Guild) -> None:
    link = joining.make_join_link(wolves.pk)
    address = visitor.join(link)["Location"]
    assert "What you entered" in visitor.get(address)

    response = visitor.post(address, act="withdraw")

    assert "Your request is withdrawn" in response.content.decode()
    assert not JoinRequest.objects.exists()
    assert visitor.client.get(address).status_code == 404


def test_a_link_lasts_a_year(anna: Member) -> None:
    personal(anna)
    left = PlayerLink.objects.get().ends_at - timezone.now()
    assert dt.timedelta(days=364) < left <= dt.timedelta(days=365)


def test_an_officer_s_new_link_ends_the_player_s_old_link(
    visitor: Visitor, anna: Member, admin_user: Any
) -> None:
    old = personal(anna)
    token = personal_links.make_for(anna, user_id=admin_user.pk)
    assert visitor.client.get(old).status_code == 404
    assert "Hello" in visitor.get(reverse("players:my", args=[token]))
