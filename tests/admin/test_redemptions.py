"""The actions "Redeem now", "Stop" and "Resume": the messages say what the row lock decided."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib import messages
from django.contrib.auth.models import Permission
from django.contrib.messages.storage.fallback import FallbackStorage
from django.db import OperationalError, transaction
from django.test import Client
from django.urls import reverse

from giftcodes.admin.common.action_report import Report
from giftcodes.domain.served import Served
from giftcodes.estimates.forecast import Outlook
from giftcodes.models import (
    GiftCode,
    MemberRedemption,
    Redemption,
    RedemptionEvent,
    RunState,
)
from giftcodes.services import run_actions
from giftcodes.services.run_refusals import refusal_words
from tests.admin import past
from tests.admin.conftest import Browser, TaskQueue, address, messages_of
from tests.admin.past import redemption
from tests.factories import on_trial
from tests.security.people import everyone

State = RunState


def kinds(row: Redemption) -> list[str]:
    return list(
        RedemptionEvent.objects.filter(redemption=row).order_by("id").values_list("kind", flat=True)
    )


# --- Redeem now -----------------------------------------------------------------------------------
def test_a_duplicate_is_refused_with_the_progress_and_journalled_with_the_user(
    browser: Browser, task_queue: TaskQueue, admin_user: Any
) -> None:
    row = redemption(state=State.RUNNING, member_state="pending", members=3)
    MemberRedemption.objects.filter(pk=row.member_redemptions.first().pk).update(state="redeemed")
    ((level, words),) = browser.press("redeem_now", row)
    assert level == "warning"
    assert words.startswith(f"{row} is running already: 1 of 3 have it")
    assert words.endswith("Nothing is asked twice.")
    event = RedemptionEvent.objects.get(redemption=row)
    assert (event.kind, event.trigger, event.user) == ("refused", "admin", admin_user)
    assert task_queue.enqueued == []


@pytest.mark.parametrize(
    ("outlook", "words"),
    [
        (None, "1 of 2 have it. Nothing"),
        (Outlook(seconds=None, why_unknown="The game is off."), "1 of 2 have it. Nothing"),
        (Outlook(seconds=12), "1 of 2 have it, about 10 s left. Nothing"),
        (Outlook(seconds=0), "1 of 2 have it, and it is about to end. Nothing"),
        (
            Outlook(seconds=12, is_proven=False),
            "1 of 2 have it. Left: about 10 s if the code works. Nothing",
        ),
        (
            Outlook(seconds=12, is_paused=True),
            "1 of 2 have it. Left: paused: about 10 s if the game answers then. Nothing",
        ),
    ],
)
def test_the_refusal_says_how_much_time_is_left_if_that_is_known(
    db: None, outlook: Outlook | None, words: str
) -> None:
    row = redemption(state=State.RUNNING)
    said = refusal_words(row, Served(has=1, waiting=1), outlook)
    assert said == f"{row} is running already: {words} is asked twice."


def test_redeem_now_for_a_run_that_is_being_stopped_is_refused_and_names_resume(
    browser: Browser,
) -> None:
    row = redemption(state=State.RUNNING, member_state="in_flight")
    browser.press("stop", row)
    ((level, words),) = browser.press("redeem_now", row)
    assert (level, words) == (
        "warning",
        f"{row} is being stopped: 0 of 1 has it. “Resume” continues it.",
    )


def test_a_second_press_is_refused(browser: Browser) -> None:
    row = redemption(member_state="failed")
    assert browser.press("redeem_now", row)[0][0] == "success"
    assert browser.press("redeem_now", row)[0][0] == "warning"
    assert kinds(row) == ["locked", "refused"]


def test_nothing_to_do_is_reported_as_such_and_not_as_a_success(
    browser: Browser, task_queue: TaskQueue
) -> None:
    row = redemption(member_state="redeemed")
    messages = browser.press("redeem_now", row)
    assert messages == [
        (
            "info",
            f"Nothing to do for guild {row.guild} with code {row.gift_code}: "
            "no member is left to be tried (1 of 1 has it).",
        )
    ]
    assert task_queue.enqueued == []


def test_the_message_says_that_a_run_with_no_one_to_redeem_for_is_complete(
    browser: Browser,
) -> None:
    row = redemption(state=State.PENDING, member_state="redeemed")
    told = browser.press("redeem_now", row)
    assert told[0][1].endswith("It is complete: there is no member left to redeem for.")
    row.refresh_from_db()
    assert row.state == State.COMPLETE


def test_redeem_now_starts_the_run_outside_of_the_request_s_transaction(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = redemption(member_state="failed")
    depth: list[int] = []
    real = run_actions.start

    def look(**arguments: Any) -> Any:
        depth.append(len(transaction.get_connection().atomic_blocks))
        return real(**arguments)

    outside = len(transaction.get_connection().atomic_blocks)
    monkeypatch.setattr(run_actions, "start", look)
    browser.press("redeem_now", row)
    assert depth == [outside]


def test_the_other_runs_start_although_the_database_refuses_one(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = redemption(member_state="failed"), redemption(member_state="failed")
    real = run_actions.start

    def deadlock(*, guild_id: int, **arguments: Any) -> Any:
        if guild_id == first.guild_id:
            raise OperationalError("deadlock detected")
        return real(guild_id=guild_id, **arguments)

    monkeypatch.setattr(run_actions, "start", deadlock)
    told = browser.press("redeem_now", first, second)
    assert sorted(level for level, _words in told) == ["error", "success"]


def test_several_results_of_a_kind_are_one_message(browser: Browser) -> None:
    rows = [redemption(state=State.RUNNING, member_state="pending") for _ in range(8)]
    ((level, words),) = browser.press("redeem_now", *rows)
    assert level == "warning"
    assert words.startswith("8 not done\n")
    assert words.count("is running already") == 8
    assert len(browser.press("redeem_now", *rows[:2])) == 2


def test_a_very_long_report_is_shortened_and_counts_the_rest(rf: Any) -> None:
    report = Report()
    for number in range(60):
        report.done(f"Line {number}.")
    request = rf.get("/")
    request.session = {}
    request._messages = FallbackStorage(request)
    report.tell(request)
    (message,) = messages.get_messages(request)
    first, *lines = str(message).split("\n")
    assert (first, len(lines), lines[-1]) == ("60 done", 51, "… and 10 more.")


def test_the_lines_of_a_long_report_are_a_list_to_open_and_markup_stays_text(
    browser: Browser,
) -> None:
    rows = [redemption(state=State.RUNNING, member_state="pending") for _ in range(8)]
    rows[0].guild.name = "<b>Wolves"
    rows[0].guild.save(update_fields=["name"])
    data = {"action": "redeem_now", "_selected_action": [row.pk for row in rows], "index": 0}
    browser.post("redemption_changelist", data=data)
    page = browser.open("redemption_changelist").content.decode()
    folded = page.partition('<details class="folded">')[2].partition("</details>")[0]
    assert "<summary>8 not done</summary>" in folded
    assert folded.count("<li>") == 8
    assert "<b>Wolves" not in page


# --- Stop -----------------------------------------------------------------------------------------
def test_a_run_without_requests_under_way_is_stopped_at_once(
    browser: Browser, admin_user: Any
) -> None:
    row = redemption(state=State.RUNNING, member_state="pending")
    assert browser.press("stop", row) == [("success", f"{row} is stopped.")]
    row.refresh_from_db()
    assert row.state == State.STOPPED
    assert kinds(row) == ["stop", "unlocked"]
    assert RedemptionEvent.objects.get(redemption=row, kind="stop").user == admin_user


def test_a_run_with_a_request_under_way_stops_after_it(browser: Browser) -> None:
    row = redemption(state=State.RUNNING, member_state="in_flight")
    assert browser.press("stop", row) == [
        ("success", f"{row} is being stopped: requests under way finish first.")
    ]
    row.refresh_from_db()
    assert row.is_stopping
    assert "stopping" in browser.open("redemption_changelist").content.decode()


def test_a_redemption_that_waits_is_stopped_before_it_starts(browser: Browser) -> None:
    row = redemption(state=State.PENDING, member_state="pending")
    assert browser.press("stop", row) == [("success", f"{row} is stopped.")]


def test_a_redemption_that_does_not_run_is_not_stopped_and_the_message_says_why(
    browser: Browser,
) -> None:
    row = redemption(state=State.COMPLETE)
    assert browser.press("stop", row) == [
        ("warning", f"There is nothing to stop: {row} is {row.get_state_display()}.")
    ]


# --- Resume ---------------------------------------------------------------------------------------
def test_resume_takes_back_a_stop_that_has_not_taken_effect(
    browser: Browser, task_queue: TaskQueue
) -> None:
    row = redemption(state=State.RUNNING, member_state="in_flight")
    browser.press("stop", row)
    assert browser.press("resume", row) == [("success", f"{row} goes on.")]
    row.refresh_from_db()
    assert (row.state, row.stop_requested_at) == ("running", None)
    assert task_queue.arguments("dispatch") == [["simulator"]]


def test_a_stopped_run_starts_again_for_the_members_who_were_waiting(
    browser: Browser, task_queue: TaskQueue
) -> None:
    row = redemption(state=State.RUNNING, member_state="pending", members=2)
    browser.press("stop", row)
    messages = browser.press("resume", row)
    assert messages == [("success", f"Started for guild {row.guild} with code {row.gift_code}.")]
    assert set(MemberRedemption.objects.values_list("state", flat=True)) == {"pending"}
    assert task_queue.arguments("dispatch") == [["simulator"]]


def test_a_redemption_that_is_not_stopped_is_not_resumed_and_the_message_says_why(
    browser: Browser,
) -> None:
    row = redemption(state=State.COMPLETE)
    assert browser.press("resume", row) == [
        ("warning", f"There is nothing to resume: {row} is {row.get_state_display()}.")
    ]


# --- The page of one redemption -------------------------------------------------------------------
def buttons(browser: Browser, row: Redemption) -> list[str]:
    """The buttons of the page, which are the same in the part that updates."""
    page = browser.client.get(address("redemption_change", row.pk)).content.decode()
    live = browser.client.get(reverse("admin:live_redemption", args=[row.pk])).json()
    found = re.findall(r'form="run-form" name="action" value="(\w+)"', page)
    assert found == re.findall(r'name="action" value="(\w+)"', live["parts"]["run_buttons"])
    return found


@pytest.mark.parametrize(
    ("state", "member_state", "expected"),
    [
        (State.PENDING, "pending", ["redeem_now", "stop"]),
        (State.RUNNING, "pending", ["stop"]),
        (State.STOPPED, "cancelled", ["resume"]),
        (State.COMPLETE, "failed", ["retry"]),
        (State.COMPLETE, "not_eligible", ["retry"]),
        (State.COMPLETE, "redeemed", []),
        (State.COMPLETE, "same_type", []),
    ],
)
def test_the_page_has_only_the_buttons_that_apply(
    browser: Browser, state: str, member_state: str, expected: list[str]
) -> None:
    assert buttons(browser, redemption(state=state, member_state=member_state)) == expected


def test_a_run_that_is_being_stopped_can_only_be_resumed(browser: Browser) -> None:
    row = redemption(state=State.RUNNING, member_state="in_flight")
    browser.press("stop", row)
    assert buttons(browser, row) == ["resume"]


@pytest.mark.parametrize("state", [State.COMPLETE, State.STOPPED])
def test_the_page_for_a_closed_code_has_no_button_and_says_why(
    browser: Browser, state: str
) -> None:
    row = redemption(state=state, member_state="cancelled")
    GiftCode.objects.update(state="closed", reason="The code has expired.")
    assert buttons(browser, row) == []
    page = browser.client.get(address("redemption_change", row.pk)).content.decode()
    assert "The code has expired. An administrator can reopen it." in page


def test_a_viewer_gets_no_buttons(django_user_model: Any) -> None:
    row = redemption(state=State.RUNNING, member_state="pending")
    viewer = django_user_model.objects.create_user("viewer", password="x", is_staff=True)
    names = ["view_every_guild", "view_redemption"]
    viewer.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(viewer)
    page = client.get(address("redemption_change", row.pk))
    assert page.status_code == 200
    assert 'name="action" value="stop"' not in page.content.decode()


@pytest.mark.parametrize("action", ["redeem_now", "retry", "stop", "resume"])
@pytest.mark.parametrize("state", State.values)
def test_the_server_answers_each_press_in_every_state_and_leads_back(
    browser: Browser, state: str, action: str
) -> None:
    row = redemption(state=state, member_state="pending" if state == "running" else "failed")
    page = address("redemption_change", row.pk)
    data = {"action": action, "_selected_action": row.pk, "index": 0, "back": page}
    response = browser.post("redemption_changelist", data=data)
    assert response["Location"] == page
    ((level, words),) = messages_of(response)
    assert level in ("success", "warning", "info")
    assert words.endswith(".")


def test_a_button_does_not_lead_to_another_site(browser: Browser) -> None:
    data = {
        "action": "stop",
        "_selected_action": redemption().pk,
        "index": 0,
        "back": "https://example.com/",
    }
    assert browser.post("redemption_changelist", data=data)["Location"] == address(
        "redemption_changelist"
    )


def test_the_list_says_how_many_requests_of_other_runs_come_before_a_run(browser: Browser) -> None:
    for _ in range(2):
        past.redemption(state="running", member_state="pending", members=3)

    page = browser.open("redemption_changelist").content.decode()

    assert re.search(r"after [1-5] requests? of others", page)


def test_the_list_offers_its_actions(browser: Browser) -> None:
    redemption()
    page = browser.open("redemption_changelist").content.decode()
    assert 'name="index"' in page
    assert '<option value="redeem_now">' in page


@pytest.mark.parametrize("members", [0, 2])
def test_a_run_without_members_shows_no_time_left(browser: Browser, members: int) -> None:
    row = redemption(state=State.RUNNING, member_state="pending", members=members)

    def listed() -> str:
        page = browser.open("redemption_changelist").content.decode()
        (words,) = re.findall(r"field-left[^>]*>\s*([^<]*?)\s*<", page)
        return str(words)

    assert (listed() == "–") == (members == 0)
    for tab in ("guild_overview", "guild_codes"):
        assert ("left:" in browser.open(tab, row.guild_id).content.decode()) == (members > 0)


# --- Who started it -------------------------------------------------------------------------------
def test_a_redemption_names_the_person_who_started_it_or_added_its_code(
    browser: Browser, admin_user: Any
) -> None:
    row = redemption()
    officer = on_trial(row.gift_code)
    row.guild.officers.add(officer)
    other = everyone(row.guild)["officer"].client
    own = Client()
    officer.is_staff = True
    officer.save()
    officer.user_permissions.set(Permission.objects.filter(codename="view_redemption"))
    own.force_login(officer)

    def started_by(client: Client) -> str:
        page = client.get(address("redemption_changelist")).content.decode()
        (listed,) = re.findall(r"field-started_by[^>]*>\s*([^<]*?)\s*<", page)
        page = client.get(address("redemption_change", row.pk)).content.decode()
        assert listed in page.split("Started by</label>")[1].split("</label>")[0]
        return str(listed)

    assert started_by(browser.client) == "the feed"
    Redemption.objects.update(trigger="admin")
    assert started_by(browser.client) == officer.username
    assert started_by(own) == officer.username
    assert started_by(other) == "a person", "another officer may not know who added the code"
    Redemption.objects.update(run_number=2)
    assert started_by(browser.client) == "a person", "the first run does not tell about the second"
    Redemption.objects.update(triggered_by=admin_user)
    assert started_by(browser.client) == "admin"
    Redemption.objects.update(trigger="catch_up")
    assert started_by(browser.client) == "catching up: admin"
