"""The page of one redemption: its progress, its journal, and the members without the code."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from giftcodes.models import MemberRedemption, Redemption
from tests.admin import past
from tests.admin.conftest import Browser, TaskQueue, address


def answer(browser: Browser, row: Redemption) -> Any:
    response = browser.client.get(reverse("admin:live_redemption", args=[row.pk]))
    assert response.status_code == 200
    return response.json()


def part(browser: Browser, row: Redemption, name: str) -> str:
    return " ".join(answer(browser, row)["parts"][name].split())


def set_states(row: Redemption, *states: str) -> list[MemberRedemption]:
    member_redemptions = list(row.member_redemptions.order_by("pk"))
    for member_redemption, state in zip(member_redemptions, states, strict=True):
        member_redemption.state = state
        member_redemption.save(update_fields=["state"])
    return member_redemptions


def test_the_bar_and_the_words_count_the_members_who_have_the_code(browser: Browser) -> None:
    row = past.redemption(state="running", members=6)
    set_states(row, "redeemed", "already_received", "same_type", "failed", "pending", "in_flight")
    shown = part(browser, row, "state")
    assert 'aria-label="2 of 6 have it, 1 needs you, 2 are waiting, 1 cannot have it"' in shown
    assert re.findall(r'<rect class="share-(\w+)" x="([\d.]+)"', shown) == [
        ("has", "0.00"),
        ("needs_you", "33.33"),
        ("waiting", "50.00"),
        ("cannot", "83.33"),
    ]
    assert "2 of 6 have it</span>" in shown
    assert "1 needs you, 2 are waiting, 1 cannot have it." in shown


def test_a_small_share_stays_visible_and_the_bar_stays_whole(browser: Browser) -> None:
    row = past.redemption(members=300)
    set_states(row, *["redeemed"] * 299, "failed")
    widths = re.findall(r'width="([\d.]+)"', part(browser, row, "state"))
    assert float(widths[-1]) > 1
    assert round(sum(map(float, widths))) == 100


def test_a_running_redemption_is_fetched_often_and_others_rarely(browser: Browser) -> None:
    assert (
        answer(browser, past.redemption(state="running", member_state="pending"))[
            "again_in_seconds"
        ]
        == 2
    )
    assert answer(browser, past.redemption())["again_in_seconds"] == 10


def test_members_who_need_a_correction_come_first_with_the_reason_and_a_link(
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
    assert f'href="{reverse("admin:player_codes", args=[wrong.member_id])}"' in shown
    assert redeemed.player_id not in shown
    assert waiting.player_id not in shown


def test_each_member_is_shown_with_the_newest_requests(browser: Browser) -> None:
    row = past.redemption(member_state="failed")
    member_redemption = row.member_redemptions.get()
    rows = [past.attempt(member_redemption, token=token) for token in range(1, 6)]
    shown = part(browser, row, "members")
    links = [address("attempt_change", one.pk) in shown for one in rows]
    assert links == [False, False, True, True, True]


def test_the_journal_says_who_or_what_caused_each_entry(browser: Browser, admin_user: Any) -> None:
    row = past.redemption(state="running", member_state="pending")
    row.journal("locked", trigger="poll")  # type: ignore[arg-type]
    row.journal("refused", trigger="admin", user_id=admin_user.pk)  # type: ignore[arg-type]
    row.journal("recovered", detail="2 claim(s) whose worker was gone.")  # type: ignore[arg-type]
    shown = part(browser, row, "journal")
    assert "run 1, by the feed" in shown
    assert "run 1, by admin" in shown
    assert "2 claim(s) whose worker was gone." in shown
    assert shown.index("recovered") < shown.index("duplicate refused") < shown.index("started<")


def test_the_page_costs_the_same_with_four_members_and_with_forty(browser: Browser) -> None:
    def cost(row: Redemption) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.open("redemption_change", row.pk).status_code == 200
            answer(browser, row)
        return len(queries)

    few, many = (
        past.redemption(members=4, member_state="failed"),
        past.redemption(members=40, member_state="failed"),
    )
    for member_redemption in MemberRedemption.objects.all():
        past.attempt(member_redemption)
    cost(few)
    assert cost(many) == cost(few) <= 25


def test_without_the_permission_nothing_is_shown(django_user_model: Any, db: None) -> None:
    row = past.redemption()
    client = Client()
    client.force_login(django_user_model.objects.create_user("clerk", password="x", is_staff=True))
    assert client.get(reverse("admin:live_redemption", args=[row.pk])).status_code == 403


def test_a_redemption_that_does_not_exist_is_not_found(browser: Browser) -> None:
    assert browser.client.get(reverse("admin:live_redemption", args=[12345])).status_code == 404


# --- Retry unsettled ------------------------------------------------------------------------------
def test_only_a_person_who_may_press_the_button_reads_about_it(
    browser: Browser, client: Client
) -> None:
    row = past.redemption(state="complete", member_state="failed")
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_redemption"))
    row.guild.officers.add(viewer)
    client.force_login(viewer)

    url = reverse("admin:live_redemption", args=[row.pk])

    assert "“Retry unsettled” tries again." in part(browser, row, "state")
    assert "Retry unsettled" not in client.get(url).json()["parts"]["state"]


def test_retry_starts_only_redemptions_with_members_left(
    browser: Browser, task_queue: TaskQueue
) -> None:
    left, done = past.redemption(member_state="failed"), past.redemption(member_state="redeemed")
    messages = browser.press("retry", left, done)
    assert messages == [
        ("success", f"Started for guild {left.guild} with code {left.gift_code}."),
        ("info", f"{done}: all members have the code."),
    ]
    assert list(Redemption.objects.running()) == [left]
    assert task_queue.arguments("dispatch") == [["simulator"]]


def test_retry_of_a_running_redemption_is_refused(browser: Browser) -> None:
    row = past.redemption(state="running", member_state="pending")
    assert browser.press("retry", row)[0][0] == "warning"
    assert row.events.get().kind == "refused"
