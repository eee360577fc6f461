"""The page of one redemption: its progress by itself, its journal, and who has not got the code and why."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from giftcodes.models import MemberRedemption, Redemption
from tests.admin import past
from tests.admin.conftest import Browser, Doorbell, address


def answer(browser: Browser, row: Redemption) -> Any:
    response = browser.client.get(reverse("admin:live_redemption", args=[row.pk]))
    assert response.status_code == 200
    return response.json()


def part(browser: Browser, row: Redemption, name: str) -> str:
    return " ".join(answer(browser, row)["parts"][name].split())


def set_states(row: Redemption, *states: str) -> list[MemberRedemption]:
    shares = list(row.member_redemptions.order_by("pk"))
    for share, state in zip(shares, states, strict=True):
        share.state = state
        share.save(update_fields=["state"])
    return shares


def test_the_bar_counts_who_is_done_with_and_the_words_who_has_it(browser: Browser) -> None:
    row = past.redemption(state="running", members=5)
    set_states(row, "redeemed", "already_received", "failed", "pending", "in_flight")
    shown = part(browser, row, "state")
    assert '<progress value="3" max="5"' in shown
    assert "2 of 5 have it, 3 are done with" in shown


def test_a_running_one_is_asked_for_often_and_others_seldom(browser: Browser) -> None:
    assert (
        answer(browser, past.redemption(state="running", share="pending"))["again_in_seconds"] == 2
    )
    assert answer(browser, past.redemption())["again_in_seconds"] == 10


def test_whoever_needs_a_person_comes_first_with_the_reason_and_a_link_to_correct(
    browser: Browser,
) -> None:
    row = past.redemption(members=4)
    failed, wrong, redeemed, waiting = set_states(
        row, "failed", "needs_correction", "redeemed", "pending"
    )
    MemberRedemption.objects.filter(pk=wrong.pk).update(reason="The game knows no such player.")
    shown = part(browser, row, "members")
    assert shown.index(wrong.player_id) < shown.index(failed.player_id)
    assert "The game knows no such player." in shown
    assert f'href="{address("member_change", wrong.member_id)}"' in shown
    assert redeemed.player_id not in shown
    assert waiting.player_id not in shown


def test_the_newest_requests_stand_behind_each_member(browser: Browser) -> None:
    row = past.redemption(share="failed")
    share = row.member_redemptions.get()
    rows = [past.attempt(share, token=token) for token in range(1, 6)]
    shown = part(browser, row, "members")
    links = [address("attempt_change", one.pk) in shown for one in rows]
    assert links == [False, False, True, True, True]


def test_the_journal_says_who_or_what_did_it(browser: Browser, admin_user: Any) -> None:
    row = past.redemption(state="running", share="pending")
    row.journal("locked", trigger="poll")  # type: ignore[arg-type]
    row.journal("refused", trigger="admin", user_id=admin_user.pk)  # type: ignore[arg-type]
    row.journal("recovered", detail="2 claim(s) whose worker was gone.")  # type: ignore[arg-type]
    shown = part(browser, row, "journal")
    assert "run 1, by poll" in shown
    assert "run 1, by admin" in shown
    assert "2 claim(s) whose worker was gone." in shown
    assert shown.index("recovered") < shown.index("duplicate refused") < shown.index("locked<")


def test_the_page_costs_the_same_with_four_members_and_with_forty(browser: Browser) -> None:
    def cost(row: Redemption) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.open("redemption_change", row.pk).status_code == 200
            answer(browser, row)
        return len(queries)

    few, many = (
        past.redemption(members=4, share="failed"),
        past.redemption(members=40, share="failed"),
    )
    for share in MemberRedemption.objects.all():
        past.attempt(share)
    cost(few)
    assert cost(many) == cost(few) <= 25


def test_who_may_not_look_gets_nothing(django_user_model: Any, db: None) -> None:
    row = past.redemption()
    client = Client()
    client.force_login(django_user_model.objects.create_user("clerk", password="x", is_staff=True))
    assert client.get(reverse("admin:live_redemption", args=[row.pk])).status_code == 403


def test_a_redemption_that_is_not_there_is_not_found(browser: Browser) -> None:
    assert browser.client.get(reverse("admin:live_redemption", args=[12345])).status_code == 404


# --- Retry unsettled --------------------------------------------------------------------------------------------------
def test_retry_starts_those_with_somebody_left_and_leaves_the_others_alone(
    browser: Browser, doorbell: Doorbell
) -> None:
    left, done = past.redemption(share="failed"), past.redemption(share="redeemed")
    told = browser.press("retry", left, done)
    assert told == [
        ("success", f"Started for guild {left.guild} with code {left.gift_code}."),
        ("info", f"{done}: everybody has it."),
    ]
    assert list(Redemption.objects.running()) == [left]
    assert doorbell.arguments("dispatch") == [["simulator"]]


def test_retry_of_a_running_one_is_refused(browser: Browser) -> None:
    row = past.redemption(state="running", share="pending")
    assert browser.press("retry", row)[0][0] == "warning"
    assert row.events.get().kind == "refused"
