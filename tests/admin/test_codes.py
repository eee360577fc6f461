"""Codes in the admin: adding (which redeems a code), redeeming, closing, reopening, deleting."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from giftcodes.admin.codes.code_form import GiftCodeForm
from giftcodes.clients.feeds import PublishedCode
from giftcodes.models import (
    Attempt,
    CodeState,
    GiftCode,
    Member,
    Redemption,
    RedemptionEvent,
    RunRequest,
    Source,
)
from giftcodes.pipeline.poll import FeedLineKind, decide
from giftcodes.services.changes import words_of
from tests.admin.conftest import Browser, TaskQueue, address, errors, messages_of
from tests.admin.past import attempt, redemption
from tests.factories import answered, astray, gift_code, guild, member, member_redemption
from tests.security.people import everyone


def form(code: str = "Frost2026", **fields: Any) -> dict[str, Any]:
    dates = {"published_on": "", "expires_at_0": "", "expires_at_1": ""}
    return {"provider": "simulator", "code": code, "rewards": "", **dates, **fields}


# --- Adding ---------------------------------------------------------------------------------------
def test_a_code_that_is_added_is_fanned_out_in_the_name_of_the_user(
    browser: Browser, task_queue: TaskQueue, admin_user: Any
) -> None:
    guild(members=2), guild(members=1), guild(members=0), guild(members=5, automatic=False)
    messages = browser.save("giftcode_add", **form())
    code = GiftCode.objects.get()
    assert (code.code, code.folded, code.source) == ("Frost2026", "frost2026", Source.ADMIN)
    assert task_queue.arguments("fan_out") == [[code.pk, "admin", admin_user.pk]]
    assert messages == [("info", "Code Frost2026 is saved. This page shows what comes of it.")]
    page = " ".join(browser.open("giftcode_change", code.pk).content.decode().split())
    assert "The code is about to be asked for." in page
    assert "3 members in 2 guilds" in page
    assert "nothing to do" not in page


def test_if_another_code_is_added_next_a_message_says_who_gets_this_one(browser: Browser) -> None:
    guild(members=2), guild(members=1)
    messages = browser.save("giftcode_add", **form(), _addanother="")
    told = next(words for level, words in messages if level == "info")
    assert "is being redeemed now for 3 members in 2 guilds. <a href=" in told


# --- What the page shows while a person looks at it -----------------------------------------------
def parts(browser: Browser, address_: str) -> dict[str, str]:
    found: dict[str, str] = browser.client.get(address_).json()["parts"]
    return found


def test_the_state_and_the_buttons_follow_the_code(browser: Browser) -> None:
    code = gift_code("FROST2026")
    page = browser.open("giftcode_change", code.pk).content.decode()
    (asked,) = re.findall(r'data-live="([^"]+)"', page)
    before = parts(browser, asked)
    assert 'value="redeem_now"' in before["buttons"]
    assert "badge-active" in before["state"]
    assert "has changed" not in before["changed"]

    GiftCode.objects.filter(pk=code.pk).update(
        state="closed",
        closed_outcome="code_not_found",
        closed_at=timezone.now(),
        reason="The game does not know this code.",
    )

    after = parts(browser, asked)
    assert 'value="redeem_now"' not in after["buttons"]
    assert 'value="reopen_codes"' in after["buttons"]
    assert f'name="back" value="{address("giftcode_change", code.pk)}"' in after["buttons"]
    assert "badge-closed" in after["state"]
    assert "The game does not know this code." in after["state"]
    assert "<dt>Closed</dt>" not in before["origin"]
    assert "<dt>Closed</dt>" in after["origin"], "a fact that is not in the form follows, too"
    assert "press-first" not in after["buttons"], "opening it again is seldom right"


@pytest.mark.parametrize(
    ("change", "is_told"),
    [
        ({"rewards": "Gems"}, True),
        ({"expires_at": timezone.now() + timedelta(days=3)}, True),
        ({"proven_at": timezone.now(), "last_seen_at": timezone.now()}, False),
        ({"state": "closed", "closed_outcome": "code_not_found", "reason": "Unknown."}, False),
    ],
)
def test_the_page_says_that_the_code_has_changed_only_if_a_field_of_the_form_has(
    browser: Browser, change: dict[str, Any], is_told: bool
) -> None:
    code = gift_code("FROST2026")
    page = browser.open("giftcode_change", code.pk).content.decode()
    (asked,) = re.findall(r'data-live="([^"]+)"', page)
    GiftCode.objects.filter(pk=code.pk).update(**change)
    assert ("The code has changed" in parts(browser, asked)["changed"]) == is_told
    page = browser.open("giftcode_change", code.pk).content.decode()
    (asked,) = re.findall(r'data-live="([^"]+)"', page)
    assert "has changed" not in parts(browser, asked)["changed"]


def test_the_origin_of_a_code_repeats_nothing_that_the_page_says_anyway(browser: Browser) -> None:
    words = "The game does not know this code."
    code = gift_code(
        state="closed",
        closed_outcome="code_not_found",
        reason=words,
        probes=3,
        source=Source.ADMIN,
    )
    facts = browser.open("giftcode_change", code.pk).context["facts"]
    names = [fact.name for fact in facts]
    assert names == ["Came from", "First seen", "Tries since it was closed"]
    GiftCode.objects.update(reason="Closed by Bram.", probes=0, issue=2)
    facts = browser.open("giftcode_change", code.pk).context["facts"]
    said = {fact.name: fact.words for fact in facts if fact.words}
    assert said == {"Came from": "a person", "Issue": "2", "Closed by the answer": words}


def test_the_page_of_a_code_links_to_the_members_who_need_a_person(browser: Browser) -> None:
    row = redemption(member_state="needs_correction", members=3)
    page = " ".join(browser.open("giftcode_change", row.gift_code_id).content.decode().split())
    (url,) = re.findall(r'<a href="([^"]+)">3 members to correct</a>', page)
    found = browser.client.get(unescape(url))
    assert found.context["cl"].result_count == 3
    assert "without a clear answer" not in page
    assert f"The members of {row.guild}, one by one" in page

    row.member_redemptions.filter(pk=row.member_redemptions.first().pk).update(state="failed")
    page = " ".join(browser.open("giftcode_change", row.gift_code_id).content.decode().split())
    assert "2 members to correct</a>" in page
    (url,) = re.findall(r'<a href="([^"]+)">1 member without a clear answer</a>', page)
    assert browser.client.get(unescape(url)).context["cl"].result_count == 1

    row.member_redemptions.update(state="redeemed")
    page = browser.open("giftcode_change", row.gift_code_id).content.decode()
    assert "to correct</a>" not in page


def test_nothing_is_enqueued_before_the_commit(browser: Browser, task_queue: TaskQueue) -> None:
    browser.client.post(address("giftcode_add"), form())
    assert GiftCode.objects.exists()
    assert task_queue.enqueued == []


def test_a_code_without_any_guild_is_saved_with_a_warning(browser: Browser) -> None:
    messages = browser.save("giftcode_add", **form())
    assert messages[0][0] == "warning"
    assert "no guild that you see redeems codes of this game automatically" in messages[0][1]


def test_a_code_of_a_game_that_is_off_is_saved_and_the_message_says_what_is_missing(
    browser: Browser,
) -> None:
    messages = browser.save("giftcode_add", **form(provider="whiteout"))
    assert messages[0] == (
        "warning",
        "Code Frost2026 is saved, but cannot be redeemed yet. Whiteout Survival is not "
        "connected. An administrator connects it under “Connect a game”, or sets WHITEOUT_SALT.",
    )


@pytest.mark.parametrize("wrong", ["with space", "semi;colon", "", "x" * 33, "ünder", "nul\0"])
def test_text_that_cannot_be_a_code_is_refused(browser: Browser, wrong: str) -> None:
    response = browser.post("giftcode_add", data=form(wrong))
    assert response.status_code == 200
    assert errors(response)
    assert not GiftCode.objects.exists()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (CodeState.ACTIVE, "known already and active"),
        (CodeState.PROBING, "tried once more"),
        (CodeState.CLOSED, "The code has expired. Use “Reopen code”"),
        (CodeState.DELETED, "Open its page and press “Bring back”"),
    ],
)
def test_the_error_about_a_code_stored_in_another_spelling_depends_on_its_state(
    browser: Browser, state: str, words: str
) -> None:
    known = gift_code(
        "FROST2026", state=state, reason="The code has expired.", proven_at="2026-01-01T00:00:00Z"
    )
    response = browser.post("giftcode_add", data=form("frost2026"))
    assert words in errors(response)
    assert f'<a href="{address("giftcode_change", known.pk)}">FROST2026</a>' in errors(response)
    assert GiftCode.objects.count() == 1


@pytest.mark.parametrize(
    ("state", "outcome", "spelling", "words"),
    [
        (CodeState.ACTIVE, "", "frost2026", "is also tried as FROST2026"),
        (CodeState.CLOSED, "code_not_found", "FROST2026", "is now tried as FROST2026"),
        (CodeState.DELETED, "", "FROST2026", "is now tried as FROST2026"),
    ],
)
def test_a_code_that_was_never_granted_takes_another_spelling(
    browser: Browser, task_queue: TaskQueue, state: str, outcome: str, spelling: str, words: str
) -> None:
    known = gift_code("frost2026", state=state, closed_outcome=outcome)

    response = browser.post("giftcode_add", data=form("FROST2026"))

    assert response["Location"] == address("giftcode_change", known.pk)
    assert words in str(messages_of(response))
    row = GiftCode.objects.get()
    assert (row.code, row.state) == (spelling, CodeState.ACTIVE)
    assert ["FROST2026"] == (row.other_spellings or [row.code])
    assert "Another spelling was offered: FROST2026." in words_of(LogEntry.objects.get())


def test_the_error_about_a_stored_code_names_its_newest_issue(browser: Browser) -> None:
    gift_code("FROST2026", state=CodeState.CLOSED)
    gift_code("FROST2026", issue=2, proven_at="2026-01-01T00:00:00Z")
    response = browser.post("giftcode_add", data=form())
    assert "FROST2026 (issue 2)" in errors(response)


def test_the_same_code_of_another_game_is_another_code(browser: Browser) -> None:
    gift_code("FROST2026", provider="whiteout")
    browser.save("giftcode_add", **form())
    assert GiftCode.objects.count() == 2


def test_a_code_that_the_feed_stores_at_the_same_moment_causes_no_server_error(
    browser: Browser, task_queue: TaskQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(self: GiftCodeForm) -> None:
        gift_code("FROST2026")

    monkeypatch.setattr(GiftCodeForm, "clean", meanwhile)
    messages = browser.save("giftcode_add", **form())
    assert messages[0][0] == "error"
    assert "saved the same row at this moment" in messages[0][1]
    assert task_queue.enqueued == []


# --- Changing -------------------------------------------------------------------------------------
def test_code_and_game_cannot_be_changed_and_fields_of_the_pipeline_are_not_written_back(
    browser: Browser,
) -> None:
    code = gift_code("FROST2026")
    stale = form(
        "OTHER", provider="whiteout", rewards="Gems", state="closed", published_on="2026-01-02"
    )
    browser.save("giftcode_change", code.pk, **stale)
    code.refresh_from_db()
    assert (code.code, code.provider, code.state) == ("FROST2026", "simulator", "active")
    assert (code.rewards, code.published_on) == ("Gems", date(2026, 1, 2))


def test_what_the_pipeline_wrote_while_the_form_was_saved_stays(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = gift_code("FROST2026")
    clean = GiftCodeForm.clean

    def meanwhile(self: GiftCodeForm) -> Any:
        GiftCode.objects.filter(pk=code.pk).update(
            state=CodeState.CLOSED, reason="The code has expired."
        )
        return clean(self)

    monkeypatch.setattr(GiftCodeForm, "clean", meanwhile)
    browser.save("giftcode_change", code.pk, **form(rewards="Gems"))
    code.refresh_from_db()
    assert (code.state, code.reason, code.rewards) == ("closed", "The code has expired.", "Gems")


# --- Redeem now -----------------------------------------------------------------------------------
def preview(browser: Browser, *codes: GiftCode, **more: Any) -> Any:
    """Press "Redeem now". Returns the page that shows the effects."""
    data = {
        "action": "redeem_now",
        "_selected_action": [code.pk for code in codes],
        "index": 0,
        **more,
    }
    response = browser.post("giftcode_changelist", data=data)
    assert response.status_code == 200
    return response


def test_redeem_now_at_first_only_shows_what_it_would_do(
    browser: Browser, task_queue: TaskQueue
) -> None:
    wolves, bears = guild("Wolves", members=3), guild("Bears", members=2)
    player_id = wolves.members.all()[0].player_id
    member(bears, player_id)
    guild("Idle", members=1, automatic=False), guild("Gone", members=1, active=False)
    guild("Other", members=1, provider="whiteout")
    response = preview(browser, gift_code("AAA"))
    lines = {str(one["line"].guild): one for one in response.context["lines"]}
    assert {name: one["is_chosen"] for name, one in lines.items()} == {
        "Wolves": True,
        "Bears": True,
        "Idle": False,
    }
    assert [lines[name]["preview"].members for name in ("Wolves", "Bears", "Idle")] == [3, 3, 1]
    assert [lines[name]["preview"].requests for name in ("Wolves", "Bears", "Idle")] == [3, 2, 1]
    total = response.context["total"]
    assert (response.context["number"], total.members, total.requests) == (2, 6, 5)
    both = preview(browser, *GiftCode.objects.all(), gift_code("BBB")).context
    assert (both["number"], both["members"]) == (4, 6), "A member counts once for all codes."
    assert "a few seconds if the code works" in response.content.decode()
    assert not Redemption.objects.exists()
    assert task_queue.enqueued == []


def test_after_the_confirmation_the_code_is_started_for_the_chosen_guilds(
    browser: Browser, task_queue: TaskQueue, admin_user: Any
) -> None:
    wolves, bears, idle = (
        guild("Wolves", members=1),
        guild("Bears", members=1),
        guild("Idle", members=1),
    )
    code = gift_code("AAA")
    pairs = [f"{row.pk}-{code.pk}" for row in (wolves, idle)]
    again = preview(browser, code, chosen="yes", pair=pairs)
    assert [one["is_chosen"] for one in again.context["lines"]] == [True, False, True]

    messages = browser.press(
        "redeem_now", code, chosen="yes", pair=[*pairs, "999-1", "x"], confirm="yes"
    )

    assert messages == [
        ("success", "Started for guild Wolves with code AAA."),
        ("success", "Started for guild Idle with code AAA."),
    ]
    run = Redemption.objects.get(guild=wolves)
    assert (run.state, run.trigger, run.triggered_by) == ("running", "admin", admin_user)
    assert not Redemption.objects.filter(guild=bears).exists()
    assert task_queue.arguments("dispatch") == [["simulator"], ["simulator"]]
    assert preview(browser, code).context["lines"][0]["preview"].is_running
    messages = browser.press("redeem_now", code, chosen="yes", pair=pairs[:1], confirm="yes")
    assert "AAA for Wolves is running already" in messages[0][1]


def test_a_guild_that_has_a_redemption_of_the_code_is_chosen_beforehand(
    browser: Browser,
) -> None:
    asked = guild("Asked", members=1, automatic=False)
    code = gift_code("AAA")
    Redemption.objects.create(guild=asked, gift_code=code, state="complete")
    assert [one["is_chosen"] for one in preview(browser, code).context["lines"]] == [True]


def test_redeem_now_on_a_closed_code_is_refused_and_leaves_no_rows(browser: Browser) -> None:
    guild(members=1)
    code = gift_code("AAA", state=CodeState.CLOSED, reason="The code has expired.")
    messages = browser.press("redeem_now", code)
    assert messages == [
        ("warning", "Code AAA is closed. The code has expired. An administrator can reopen it.")
    ]
    assert not Redemption.objects.exists()


def test_redeem_now_without_a_guild_is_refused(browser: Browser) -> None:
    messages = browser.press("redeem_now", gift_code("AAA"))
    assert messages == [("warning", "Code AAA cannot be redeemed: no guild of its game is active.")]


def test_many_redemptions_are_handed_to_the_workers(
    browser: Browser, task_queue: TaskQueue, admin_user: Any
) -> None:
    guilds = [guild() for _ in range(51)]
    code = gift_code("AAA")
    messages = browser.press("redeem_now", code, confirm="yes")
    assert messages == [
        (
            "success",
            "51 redemptions were requested. The journal shows the result of each, and which ones "
            "are refused.",
        )
    ]
    assert task_queue.enqueued == [("start_requested", [])]
    assert sorted(RunRequest.objects.values_list("guild", "gift_code", "user")) == sorted(
        (row.pk, code.pk, admin_user.pk) for row in guilds
    )
    assert not Redemption.objects.exists()


def test_too_many_redemptions_at_once_are_refused_as_a_whole(
    browser: Browser, task_queue: TaskQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("giftcodes.admin.redemptions.redeem_preview.MOST", 2)
    for _ in range(3):
        guild()
    messages = browser.press("redeem_now", gift_code("AAA"), confirm="yes")
    assert messages == [
        ("warning", "That would be 3 redemptions at once. Choose fewer: at most 2.")
    ]
    assert task_queue.enqueued == []


def test_more_redemptions_than_a_form_can_hold_are_confirmed_as_a_whole(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("giftcodes.admin.redemptions.redeem_preview.CHOOSABLE", 1)
    guild("Wolves", members=1), guild("Bears", members=1), guild("Idle", members=1, automatic=False)
    code = gift_code("AAA")
    page = preview(browser, code).content.decode()
    assert 'name="pair"' not in page
    assert "too many to choose from" in page
    assert "All guilds that redeem automatically are included." in page
    assert len(browser.press("redeem_now", code, confirm="yes")) == 2


def test_the_preview_costs_the_same_for_many_guilds_and_codes(
    browser: Browser, django_assert_max_num_queries: Any
) -> None:
    codes = [gift_code() for _ in range(4)]
    for _ in range(12):
        guild(members=2)
    with django_assert_max_num_queries(25):
        response = preview(browser, *codes)
    assert response.context["number"] == 48


def test_the_preview_says_that_a_shared_player_is_asked_for_in_another_guild(
    browser: Browser,
) -> None:
    first, second = guild(members=1), guild()
    member(second, first.members.get().player_id)
    shown = {
        one["line"].guild: one["remark"] for one in preview(browser, gift_code()).context["lines"]
    }
    assert shown == {first: "", second: "1 is asked for in another guild of this list"}


def test_the_preview_says_that_unknown_members_are_asked_for_again(browser: Browser) -> None:
    codes = [gift_code(), gift_code()]
    owls = guild("Owls", realm=1042)
    astray(owls, *codes)
    astray(owls, *codes)
    page = preview(browser, *codes).content.decode()
    words = "2 members whom the game does not know are asked for again, once for each code."
    assert words in " ".join(page.split())
    Member.objects.update(realm=1043)
    page = preview(browser, *codes).content.decode()
    assert "whom the game does not know" not in page


def test_the_preview_says_how_many_have_it_and_how_many_need_a_person(browser: Browser) -> None:
    row = redemption(members=2)
    assert preview(browser, row.gift_code).context["lines"][0]["remark"] == (
        "all members have the code"
    )
    lost = member(row.guild, refused_realm=row.guild.realm, refused_at=timezone.now())
    (line,) = preview(browser, row.gift_code).context["lines"]
    assert line["remark"] == "1 needs correction, 2 have it"
    shown = preview(browser, row.gift_code).content.decode()
    assert "No request would be sent now." in shown
    assert "press-first" not in shown, "a start would do nothing"
    member(row.guild)
    shown = preview(browser, row.gift_code).content.decode()
    assert "No request would be sent now." not in shown
    assert 'class="press press-first">Redeem now' in shown
    assert lost.guild == row.guild


def test_the_preview_of_an_officer_says_who_is_left_out_and_why(db: None) -> None:
    owls = guild("Owls", realm=1042, members=4)
    code, fresh = gift_code("AAA"), gift_code("BBB")
    astray(owls, code), astray(owls, code)
    has_it, waits, low, unclear = owls.members.order_by("pk")[:4]
    member_redemption(has_it, code, "redeemed")
    member_redemption(waits, code, "in_flight", token=1)
    for one, state, times in ((low, "not_eligible", 2), (unclear, "failed", 6)):
        asked = member_redemption(
            one, code, state, next_attempt_at=timezone.now() + timedelta(hours=9)
        )
        for token in range(1, times + 1):
            answered(asked, realm=1042, outcome="level_too_low", token=token)
    people = everyone(owls)
    press = {"action": "redeem_now", "_selected_action": [code.pk, fresh.pk], "index": 0}

    shown = {
        role: people[role].client.post(address("giftcode_changelist"), press)
        for role in ("officer", "administrator")
    }

    remarks = {one["line"].code: one["remark"] for one in shown["officer"].context["lines"]}
    assert remarks[code] == (
        "1 waits already, 2 need correction, 1 is not eligible now, 1 had no clear answer, 1 has it"
    )
    text = " ".join(shown["officer"].content.decode().split())
    assert "2 members whom the game does not know are left out until" in text
    assert "2 members were asked for in the last 24 hours without getting a code." in text
    assert "asked for again" not in text
    text = " ".join(shown["administrator"].content.decode().split())
    assert "2 members whom the game does not know are asked for again" in text
    assert "left out until" not in text
    assert "An officer cannot" not in text


def test_the_preview_says_that_unknown_members_are_left_out_of_a_new_code(
    browser: Browser,
) -> None:
    owls = guild("Owls", realm=1042, members=1)
    astray(owls)
    words = "1 member whom the game does not know is left out until"
    assert words in " ".join(preview(browser, gift_code()).content.decode().split())
    Member.objects.update(realm=1043)
    assert "left out until" not in preview(browser, gift_code()).content.decode()


# --- Closing, reopening, deleting -----------------------------------------------------------------
def test_a_code_is_closed_by_hand(browser: Browser, task_queue: TaskQueue) -> None:
    code = gift_code("AAA")
    messages = browser.press("close_codes", code)
    code.refresh_from_db()
    assert (code.state, code.reason) == ("closed", "Closed by admin in the admin.")
    assert messages == [("success", "Code AAA is closed: it is no longer redeemed for any member.")]
    assert task_queue.enqueued == [("close_code", [code.pk])]


def test_closing_a_closed_code_says_that_it_is_closed(
    browser: Browser, task_queue: TaskQueue
) -> None:
    messages = browser.press("close_codes", gift_code("AAA", state=CodeState.CLOSED))
    assert messages == [("warning", "Code AAA is closed already.")]
    assert task_queue.enqueued == []


@pytest.mark.parametrize("state", [CodeState.CLOSED, CodeState.DELETED, CodeState.PROBING])
def test_a_code_is_reopened_without_restarting_what_a_person_stopped(
    browser: Browser, task_queue: TaskQueue, admin_user: Any, state: str
) -> None:
    code = gift_code("AAA", state=state)
    messages = browser.press("reopen_codes", code)
    code.refresh_from_db()
    assert code.state == CodeState.ACTIVE
    assert [level for level, _words in messages] == ["success"]
    assert task_queue.enqueued == [("fan_out", [code.pk, "catch_up"])]
    event = RedemptionEvent.objects.get(kind="code_reopened")
    assert (event.user, event.trigger) == (admin_user, "admin")


def test_neither_an_active_code_nor_an_old_issue_is_reopened(
    browser: Browser, task_queue: TaskQueue
) -> None:
    active = gift_code("AAA")
    old = gift_code("BBB", state=CodeState.CLOSED)
    gift_code("BBB", issue=2)
    messages = browser.press("reopen_codes", active, old)
    assert ("warning", "Code AAA is active.") in messages
    assert ("warning", "Code BBB has been issued again; reopen the newest issue.") in messages
    assert task_queue.enqueued == []


@pytest.mark.parametrize(
    ("state", "buttons"),
    [
        (CodeState.ACTIVE, ["Redeem now …", "Skip for a guild …", "Close code"]),
        (CodeState.PROBING, ["Reopen code", "Skip for a guild …", "Close code"]),
        (CodeState.CLOSED, ["Reopen code", "Reissue …"]),
        (CodeState.DELETED, ["Bring back"]),
    ],
)
def test_a_code_has_only_the_buttons_that_do_something_in_its_state(
    browser: Browser, state: str, buttons: list[str]
) -> None:
    page = browser.open("giftcode_change", gift_code(state=state).pk)
    assert [str(words) for _name, words in page.context["buttons"]] == buttons


def test_the_page_of_a_code_shows_no_empty_rows_and_says_who_added_it(browser: Browser) -> None:
    page = browser.open("giftcode_change", gift_code("FROST", source=Source.ADMIN).pk)
    facts = {fact.name: fact.words for fact in page.context["facts"]}
    assert facts == {"Came from": "a person", "First seen": ""}
    text = page.content.decode()
    assert "<dt>Came from</dt><dd>a person</dd>" in text

    again = gift_code("FROST", issue=2, probes=3)
    text = browser.open("giftcode_change", again.pk).content.decode()
    assert "<dt>Issue</dt><dd>2</dd>" in text
    assert "<dt>Tries since it was closed</dt><dd>3</dd>" in text


def test_an_officer_reads_of_no_button_that_only_administrators_have(db: None) -> None:
    people = everyone(guild())
    for state, buttons in ((CodeState.CLOSED, "Reopen code|Reissue"), ("deleted", "Bring back")):
        code = gift_code(state=state, closed_outcome="code_not_found")
        url = address("giftcode_change", code.pk)
        texts = {role: people[role].client.get(url) for role in ("administrator", "officer")}
        for role, response in texts.items():
            found = re.search(f"“({buttons})”", response.content.decode())
            assert bool(found) == (role == "administrator"), (state, role)
        assert "ask an administrator" in texts["officer"].content.decode()
        assert re.search(r"<h2[^>]*>\s*Origin and dates", texts["officer"].content.decode())


@pytest.mark.parametrize("outcome", ["code_not_found", "code_expired", ""])
def test_nobody_is_urged_to_open_a_closed_code_again(browser: Browser, outcome: str) -> None:
    code = gift_code(state=CodeState.CLOSED, closed_outcome=outcome)
    text = browser.open("giftcode_change", code.pk).content.decode()
    button = text.split("Reopen code</button>")[0].rsplit("<button", 1)[1]
    assert "press-first" not in button


def test_a_closed_code_is_reissued_and_the_old_issue_keeps_its_history(
    browser: Browser, task_queue: TaskQueue, admin_user: Any
) -> None:
    old = redemption().gift_code
    GiftCode.objects.filter(pk=old.pk).update(state=CodeState.CLOSED, rewards="Gems")
    messages = browser.press("reissue_codes", old, shown="yes")
    reissued = GiftCode.objects.get(code=old.code, issue=2)
    assert (reissued.state, reissued.source, reissued.rewards) == ("active", "admin", "Gems")
    assert messages == [
        ("success", f"Code {reissued} is a new issue: it is redeemed for every member again.")
    ]
    assert task_queue.enqueued == [("fan_out", [reissued.pk, "admin", admin_user.pk])]
    old.refresh_from_db()
    assert (old.state, old.redemptions.count()) == ("closed", 1)
    assert "Reissued: issue 2." in browser.open("giftcode_change", reissued.pk).content.decode()
    # The feed, which lists the code with its old date, does not issue it a third time.
    assert (
        decide(PublishedCode(code=old.code, published_on=date(2020, 1, 1)), reissued)
        is FeedLineKind.KNOWN
    )


def test_a_reissue_is_shown_before_it_is_made_and_leads_to_the_new_issue(
    browser: Browser, task_queue: TaskQueue
) -> None:
    wolves, closed = (
        guild("Wolves", automatic=True, members=3),
        guild("Bears", automatic=False, members=5),
    )
    Member.objects.filter(pk=wolves.members.first().pk).update(opted_out=True)
    old, other = gift_code("FROST", state=CodeState.CLOSED), gift_code("SNOW")
    page = address("giftcode_change", old.pk)
    press = {
        "action": "reissue_codes",
        "_selected_action": [old.pk, other.pk],
        "index": 0,
        "back": page,
    }

    shown = browser.post("giftcode_changelist", data=press)

    text = " ".join(shown.content.decode().split())
    assert "Nothing has been changed yet." in text
    assert "up to 2 requests to the game" in text
    assert "Wolves: 2 members" in text
    assert str(closed) not in text, "its codes are not redeemed automatically"
    assert "Code SNOW is active: only a closed code can be reissued." in text
    assert not GiftCode.objects.filter(issue=2).exists()
    assert task_queue.enqueued == []

    done = browser.post("giftcode_changelist", data={**press, "shown": "yes", "confirm": "yes"})

    issued = GiftCode.objects.get(issue=2)
    assert done["Location"] == address("giftcode_change", issued.pk)


@pytest.mark.parametrize("state", [CodeState.CLOSED, CodeState.DELETED])
def test_the_pages_of_an_old_issue_lead_to_the_newest_and_offer_nothing_to_press(
    browser: Browser, state: CodeState
) -> None:
    row = redemption(member_state="cancelled")
    GiftCode.objects.filter(pk=row.gift_code_id).update(state=state)
    code = GiftCode.objects.get()
    for issue in (2, 3):
        newest = gift_code(code.code, issue=issue)
    link = f'<a href="{address("giftcode_change", newest.pk)}">{newest}</a>'

    page = browser.open("giftcode_change", code.pk)
    assert page.context["buttons"] == []
    assert link in page.content.decode()
    assert "reopens the code" not in page.content.decode()
    run = browser.open("redemption_change", row.pk).content.decode()
    assert link in run
    assert "reopens the code" not in run
    assert "old issue" not in browser.open("giftcode_change", newest.pk).content.decode()


@pytest.mark.parametrize(
    ("hours", "words"),
    [(-1, "had passed, so it was removed"), (1, "Its end stays: "), (None, "")],
)
def test_reopening_a_code_says_what_becomes_of_its_end(
    browser: Browser, hours: int | None, words: str
) -> None:
    end = None if hours is None else timezone.now() + timedelta(hours=hours)
    code = gift_code("FROST", state=CodeState.CLOSED, expires_at=end)
    before = browser.open("giftcode_change", code.pk).content.decode()
    assert ("removes the end of the code" in before) == (hours == -1)

    ((level, said),) = browser.press("reopen_codes", code)

    code.refresh_from_db()
    assert (code.expires_at is None) == (hours != 1)
    assert level == "success"
    assert words in said
    assert ("Its end" in said) == bool(words)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (CodeState.ACTIVE, "only a closed code can be reissued"),
        (CodeState.DELETED, "Bring it back first."),
        (CodeState.CLOSED, "has already been reissued."),
    ],
)
def test_a_code_that_is_not_closed_or_has_a_newer_issue_is_not_reissued(
    browser: Browser, task_queue: TaskQueue, state: str, words: str
) -> None:
    code = gift_code("AAA", state=state)
    if state == CodeState.CLOSED:
        gift_code("AAA", issue=2)
    ((level, said),) = browser.press("reissue_codes", code, shown="yes")
    assert level == "warning"
    assert words in said
    assert task_queue.enqueued == []


def test_the_page_of_a_code_names_the_answers_that_closed_it_and_proved_it(
    browser: Browser,
) -> None:
    now = timezone.now()
    row = redemption(members=3)
    member_redemptions = list(row.member_redemptions.order_by("pk"))
    for row_of_member, outcome, seconds in zip(
        member_redemptions, ("success", "code_expired", "code_expired"), (90, 40, 20), strict=True
    ):
        Attempt.objects.filter(pk=attempt(row_of_member).pk).update(
            outcome=outcome, answered_at=now - timedelta(seconds=seconds)
        )
    late = attempt(member_redemptions[0], token=2)
    Attempt.objects.filter(pk=late.pk).update(
        outcome="code_expired", answered_at=now + timedelta(seconds=60)
    )
    GiftCode.objects.filter(pk=row.gift_code_id).update(
        state=CodeState.CLOSED,
        reason="The code has expired.",
        closed_outcome="code_expired",
        closed_at=now - timedelta(seconds=20),
        proven_at=now - timedelta(seconds=90),
    )
    response = browser.open("giftcode_change", row.gift_code_id)
    assert [one["member"] for one in response.context["closers"]] == [
        member_redemptions[2].member,
        member_redemptions[1].member,
    ]
    assert [one["member"] for one in response.context["provers"]] == [member_redemptions[0].member]
    assert "Closed by these answers" in response.content.decode()


@pytest.mark.parametrize("way", ["button", "bulk"])
def test_a_deleted_code_stays_and_the_feed_cannot_add_it_again(
    browser: Browser, task_queue: TaskQueue, way: str
) -> None:
    code = redemption().gift_code
    if way == "button":
        messages = browser.save("giftcode_delete", code.pk, post="yes")
    else:
        messages = browser.press("delete_codes", code)
    code.refresh_from_db()
    assert code.state == CodeState.DELETED
    assert code.redemptions.exists()
    assert messages == [
        (
            "success",
            f"Code {code} is deleted. Its history stays, and the feed cannot add it again.",
        )
    ]
    assert task_queue.enqueued == [("close_code", [code.pk])]
    published = PublishedCode(code=code.code, published_on=date(2099, 1, 1))
    assert decide(published, code) is FeedLineKind.KNOWN


def test_the_page_that_asks_before_deleting_says_what_deleting_means(browser: Browser) -> None:
    page = browser.open("giftcode_delete", gift_code().pk).content.decode()
    assert "the feed cannot add it again" in page
    assert "will be deleted" not in page


def test_an_end_that_is_past_is_refused_for_a_new_code(browser: Browser) -> None:
    form = {
        "provider": "simulator",
        "code": "FROST",
        "expires_at_0": "2020-01-01",
        "expires_at_1": "12:00",
        "rewards": "",
    }
    response = browser.post("giftcode_add", data=form)
    assert "This time is in the past." in errors(response)
    assert not GiftCode.objects.exists()


def test_a_closed_code_with_a_new_end_stays_closed_and_the_message_says_so(
    browser: Browser,
) -> None:
    code = gift_code(state="closed")
    messages = browser.save(
        "giftcode_change", code.pk, expires_at_0="2099-01-01", expires_at_1="12:00", rewards=""
    )
    assert (
        "info",
        f"Code {code} is closed, and stays closed until you press “Reopen code”.",
    ) in messages


def test_the_page_of_a_code_that_is_held_back_shows_the_unclear_answers(browser: Browser) -> None:
    since = timezone.now()
    member_redemption = redemption(member_state="pending").member_redemptions.get()
    GiftCode.objects.update(
        held_until=since + timedelta(seconds=45), odd_since=since, other_spellings=["odd"]
    )
    row = attempt(member_redemption)
    Attempt.objects.update(
        outcome="unrecognised", msg="MOON PHASE ERROR", err_code="41234", answered_at=since
    )

    page = browser.open("giftcode_change", member_redemption.gift_code_id).content.decode()

    assert "The code is tried for one member at a time" in page
    assert "“MOON PHASE ERROR” (41234)" in page
    assert address("attempt_change", row.pk) in page
    assert "these spellings are tried: odd" in page
