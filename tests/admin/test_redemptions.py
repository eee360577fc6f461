"""Redeem now, Stop and Resume: the messages say what the row lock decided."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import OperationalError, transaction

from giftcodes.domain import log_lines
from giftcodes.models import MemberRedemption, Redemption, RedemptionEvent, RunState
from giftcodes.services import run_actions
from tests.admin import past
from tests.admin.conftest import Browser, TaskQueue, address
from tests.admin.past import redemption

State = RunState


def kinds(row: Redemption) -> list[str]:
    return list(
        RedemptionEvent.objects.filter(redemption=row).order_by("id").values_list("kind", flat=True)
    )


# --- Redeem now -----------------------------------------------------------------------------------
def test_a_duplicate_is_refused_in_the_words_of_the_log_and_journalled_with_the_user(
    browser: Browser, task_queue: TaskQueue, admin_user: Any
) -> None:
    row = redemption(state=State.RUNNING, member_state="pending")
    messages = browser.press("redeem_now", row)
    assert messages == [("warning", log_lines.duplicate_text(row.guild.name, row.gift_code.code))]
    event = RedemptionEvent.objects.get(redemption=row)
    assert (event.kind, event.trigger, event.user) == ("refused", "admin", admin_user)
    assert task_queue.enqueued == []


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


def test_a_run_that_is_over_at_once_says_so(browser: Browser) -> None:
    row = redemption(state=State.PENDING, member_state="redeemed")
    told = browser.press("redeem_now", row)
    assert told[0][1].endswith("It is complete: there is no member left to redeem for.")
    row.refresh_from_db()
    assert row.state == State.COMPLETE


def test_it_starts_outside_of_the_request_s_transaction(
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


def test_the_others_continue_when_the_database_refuses_one(
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


def test_a_long_report_is_shortened_and_counts_the_rest(browser: Browser) -> None:
    rows = [redemption(state=State.RUNNING, member_state="pending") for _ in range(8)]
    ((level, words),) = browser.press("redeem_now", *rows)
    assert level == "warning"
    assert words.count("already in progress") == 5
    assert words.endswith("… and 3 more, 8 in all.")


def test_the_lines_of_a_long_report_stand_one_below_the_other_and_as_text(browser: Browser) -> None:
    rows = [redemption(state=State.RUNNING, member_state="pending") for _ in range(8)]
    rows[0].guild.name = "<b>Wolves"
    rows[0].guild.save(update_fields=["name"])
    data = {"action": "redeem_now", "_selected_action": [row.pk for row in rows], "index": 0}
    browser.post("redemption_changelist", data=data)
    page = browser.open("redemption_changelist").content.decode()
    assert "skipping duplicate<br>" in page
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
        ("success", f"{row} stops; requests under way finish first.")
    ]
    row.refresh_from_db()
    assert row.is_stopping
    assert "stopping" in browser.open("redemption_changelist").content.decode()


def test_a_redemption_that_waits_is_stopped_before_it_starts(browser: Browser) -> None:
    row = redemption(state=State.PENDING, member_state="pending")
    assert browser.press("stop", row) == [("success", f"{row} is stopped.")]


def test_what_does_not_run_is_not_stopped_and_says_why(browser: Browser) -> None:
    row = redemption(state=State.COMPLETE)
    assert browser.press("stop", row) == [("warning", f"{row} does not run: it is finished.")]


# --- Resume ---------------------------------------------------------------------------------------
def test_a_stop_that_has_not_taken_effect_is_taken_back(
    browser: Browser, task_queue: TaskQueue
) -> None:
    row = redemption(state=State.RUNNING, member_state="in_flight")
    browser.press("stop", row)
    assert browser.press("resume", row) == [("success", f"{row} goes on.")]
    row.refresh_from_db()
    assert (row.state, row.stop_requested_at) == ("running", None)
    assert task_queue.arguments("dispatch") == [["simulator"]]


def test_a_stopped_run_starts_again_for_those_who_were_waiting(
    browser: Browser, task_queue: TaskQueue
) -> None:
    row = redemption(state=State.RUNNING, member_state="pending", members=2)
    browser.press("stop", row)
    messages = browser.press("resume", row)
    assert messages == [("success", f"Started for guild {row.guild} with code {row.gift_code}.")]
    assert set(MemberRedemption.objects.values_list("state", flat=True)) == {"pending"}
    assert task_queue.arguments("dispatch") == [["simulator"]]


def test_what_is_not_stopped_is_not_resumed_and_says_why(browser: Browser) -> None:
    row = redemption(state=State.COMPLETE)
    assert browser.press("resume", row) == [("warning", f"{row} is not stopped: it is finished.")]


# --- The page of one redemption -------------------------------------------------------------------
def test_the_page_of_a_redemption_has_the_buttons_and_they_lead_back_to_it(
    browser: Browser,
) -> None:
    row = redemption()
    page = address("redemption_change", row.pk)
    content = browser.client.get(page).content.decode()
    assert all(
        f'name="action" value="{action}"' in content for action in ("redeem_now", "stop", "resume")
    )
    data = {"action": "stop", "_selected_action": row.pk, "index": 0, "back": page}
    assert browser.post("redemption_changelist", data=data)["Location"] == page


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


def test_a_run_says_how_many_requests_of_others_come_before(browser: Browser) -> None:
    for _ in range(2):
        past.redemption(state="running", member_state="pending", members=3)

    page = browser.open("redemption_changelist").content.decode()

    assert re.search(r"after [1-5] requests? of others", page)
