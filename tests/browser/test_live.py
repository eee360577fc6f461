"""Live pages: if the server is silent, they say so and ask less often. Hidden pages pause."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, Route, expect

from giftcodes.models import GiftCode, MemberRedemption, Redemption
from tests.admin import past
from tests.browser.conftest import log_in
from tests.factories import astray, gift_code, guild
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.django_db(transaction=True)
SEEN_OR_NOT = """shown => {
    Object.defineProperty(document, "hidden", {value: !shown, configurable: true});
    document.dispatchEvent(new Event("visibilitychange"));
}"""

#: How often a page asks while a run is under way.
AGAIN_MS = 2_000
#: How often a page asks while there is no run.
IDLE_MS = 10_000


class Line:
    """The connection to the server, which can be cut, and which counts requests."""

    def __init__(self, page: Page, address: str = "**/admin/live/") -> None:
        self.asked = 0
        self.is_cut = False
        self.is_crowded = False
        page.route(address, self._pass)

    def _pass(self, route: Route) -> None:
        self.asked += 1
        if self.is_crowded:
            route.fulfill(status=429, headers={"Retry-After": "5"})
        else:
            route.fulfill(status=503) if self.is_cut else route.continue_()


@pytest.fixture
def run(page: Page, live_server: Any, admin_user: Any) -> Redemption:
    """A run with four members. The browser is logged in."""
    row = past.redemption(state="running", member_state="pending", members=4)
    log_in(page.context, live_server.url, admin_user)
    return row


def open_with_still_clock(page: Page, address: str) -> None:
    """Open a page whose timers run only when a test says so, and wait for its first answer."""
    page.clock.install(time=0)
    page.clock.pause_at(1)
    page.goto(address)
    page.wait_for_load_state("networkidle")


def see_an_answer(page: Page, line: Line, again_ms: int = AGAIN_MS) -> None:
    """Wait until the page has shown an answer to a request that it sends from now on.

    The page sends no request before it has shown the answer to the last one. So after two further
    requests, it has shown the answer to the first of them.
    """
    wanted = line.asked + 2
    deadline = time.monotonic() + PATIENCE_SECONDS
    while line.asked < wanted:
        assert time.monotonic() < deadline, "The page no longer asks."
        page.clock.run_for(again_ms)
        page.wait_for_timeout(100)


def test_the_page_says_that_the_server_is_away_and_recovers(
    page: Page, live_server: Any, run: Redemption
) -> None:
    line = Line(page)
    open_with_still_clock(page, f"{live_server.url}/admin/")
    line.is_cut = True
    note = page.locator("[data-live-note]")
    page.clock.run_for(AGAIN_MS)
    expect(note).to_have_text(
        "No answer from the server. This page may be out of date; it tries again."
    )
    before = line.asked
    page.clock.run_for(2 * AGAIN_MS - 100)
    page.wait_for_timeout(500)
    assert line.asked == before, "The page asks less often while the server does not answer."

    MemberRedemption.objects.filter(pk=run.member_redemptions.first().pk).update(state="redeemed")  # type: ignore[union-attr]
    line.is_cut = False
    page.clock.run_for(AGAIN_MS)
    expect(page.locator(".runs .run-progress").first).to_contain_text("1 of ")
    expect(note).to_be_hidden()


def test_if_the_server_is_too_busy_the_page_asks_later_and_says_nothing(
    page: Page, live_server: Any, run: Redemption
) -> None:
    line = Line(page)
    open_with_still_clock(page, f"{live_server.url}/admin/")
    line.is_crowded = True
    with page.expect_response("**/admin/live/") as refused:
        page.clock.run_for(AGAIN_MS)
    assert refused.value.status == 429
    page.wait_for_timeout(500)
    before = line.asked
    page.clock.run_for(4_900)
    page.wait_for_timeout(500)
    assert line.asked == before, "The page waits as long as the server says."
    expect(page.locator("[data-live-note]")).to_be_hidden()

    line.is_crowded = False
    with page.expect_response("**/admin/live/") as answered:
        page.clock.run_for(200)
    assert answered.value.status == 200
    expect(page.locator("[data-live-note]")).to_be_hidden()


def test_the_page_pauses_while_hidden_and_updates_when_it_is_shown(
    page: Page, live_server: Any, run: Redemption
) -> None:
    line = Line(page)
    open_with_still_clock(page, f"{live_server.url}/admin/")
    page.evaluate(SEEN_OR_NOT, False)
    before = line.asked
    MemberRedemption.objects.filter(pk=run.member_redemptions.first().pk).update(state="redeemed")  # type: ignore[union-attr]
    page.clock.run_for(60_000)
    page.wait_for_timeout(500)
    assert line.asked == before
    page.evaluate(SEEN_OR_NOT, True)
    expect(page.locator(".runs .run-progress").first).to_contain_text("1 of ")


def test_an_open_part_stays_open_and_a_focused_link_stays_focused(
    page: Page, live_server: Any, run: Redemption
) -> None:
    member_redemption = run.member_redemptions.order_by("pk")[0]
    MemberRedemption.objects.filter(pk=member_redemption.pk).update(state="failed")
    past.attempt(member_redemption)
    page.goto(f"{live_server.url}/admin/giftcodes/redemption/{run.pk}/change/")
    page.locator("main details summary").first.click()
    link = page.locator(
        f'[data-part="members"] a[href$="/memberredemption/{member_redemption.pk}/change/"]'
    )
    link.focus()
    other = run.member_redemptions.order_by("pk")[1]
    MemberRedemption.objects.filter(pk=other.pk).update(state="needs_correction")
    expect(page.locator('[data-part="members"] .badge-needs_correction')).to_be_visible()
    expect(page.locator(f"#attempts-{member_redemption.pk}")).to_have_attribute("open", "")
    expect(link).to_be_focused()


def test_the_focus_stays_on_the_button_of_the_same_member(
    page: Page, live_server: Any, run: Redemption
) -> None:
    owls = guild("Owls", members=9)
    code = gift_code("FROST")
    first, second = astray(owls, code), astray(owls, code)
    line = Line(page)
    open_with_still_clock(page, f"{live_server.url}/admin/")
    buttons = page.get_by_role("button", name="Save and ask again")
    expect(buttons).to_have_count(2)
    one = page.locator(f".fix:has(#realm-{second.pk})").get_by_role("button").first
    one.focus()

    astray(owls, code)
    see_an_answer(page, line)

    expect(buttons).to_have_count(3)
    expect(one).to_be_focused()
    other = page.locator(f".fix:has(#realm-{first.pk})").get_by_role("button").first
    expect(other).not_to_be_focused()


def test_a_field_stays_while_a_person_fills_it_in_and_is_replaced_later(
    page: Page, live_server: Any, run: Redemption
) -> None:
    owls = guild("Owls", members=9)
    code = gift_code("FROST")
    first = astray(owls, code)
    line = Line(page)
    open_with_still_clock(page, f"{live_server.url}/admin/")
    field = page.locator(f"#realm-{first.pk}")
    other = astray(owls, code)
    see_an_answer(page, line)
    expect(page.locator(f"#realm-{other.pk}")).to_be_visible()

    field.fill("77")
    field.blur()
    third = astray(owls, code)
    see_an_answer(page, line)
    expect(field).to_have_value("77")
    expect(page.locator(f"#realm-{third.pk}")).to_have_count(0)

    field.press("Enter")
    expect(page.get_by_text("is in State 77 now.")).to_be_visible()
    expect(page.locator(f"#realm-{third.pk}")).to_be_visible()
    expect(field).to_have_count(0)
    first.refresh_from_db()
    assert first.realm == 77


def test_a_part_is_not_replaced_if_only_the_token_of_its_form_differs(
    page: Page, live_server: Any, run: Redemption
) -> None:
    astray(guild("Owls", members=9), gift_code("FROST"))
    line = Line(page)
    open_with_still_clock(page, f"{live_server.url}/admin/")
    see_an_answer(page, line)
    page.evaluate("document.querySelector('.need').dataset.kept = 'yes'")
    see_an_answer(page, line)
    expect(page.locator(".need[data-kept=yes]")).to_have_count(1)


def test_the_overview_of_a_guild_says_what_needs_a_person_and_keeps_a_field_that_is_filled_in(
    page: Page, live_server: Any, run: Redemption
) -> None:
    owls = guild("Owls", members=9)
    code = gift_code("FROST")
    line = Line(page, "**/live/")
    url = reverse("admin:giftcodes_guild_overview", args=[owls.pk])
    open_with_still_clock(page, live_server.url + url)
    needs = page.get_by_role("region", name="Needs you")
    expect(needs).to_contain_text("Nothing needs you now.")

    first = astray(owls, code)
    see_an_answer(page, line, IDLE_MS)
    expect(needs).to_contain_text("The game does not know 1 of 10 members")

    field = page.locator(f"#realm-{first.pk}")
    field.fill("77")
    field.blur()
    astray(owls, code)
    see_an_answer(page, line, IDLE_MS)
    expect(field).to_have_value("77")
    field.press("Enter")
    expect(page.get_by_text("is in State 77 now.")).to_be_visible()
    expect(needs).to_contain_text("The game does not know 1 of 11 members")


def test_the_correction_of_a_player_follows_the_codes_and_keeps_a_wrong_entry(
    page: Page, live_server: Any, run: Redemption
) -> None:
    ann = astray(guild("Owls", members=9), gift_code("FROST"))
    rows = MemberRedemption.objects.filter(member=ann)
    rows.update(state="pending")
    line = Line(page, "**/live/player/**")
    open_with_still_clock(page, live_server.url + reverse("admin:player_codes", args=[ann.pk]))
    field = page.locator("input[name=realm]")
    expect(field).to_have_count(0)

    rows.update(state="needs_correction")
    see_an_answer(page, line, IDLE_MS)
    expect(field).to_have_value("1042")

    field.fill("Tundra")
    field.press("Enter")
    expect(field).to_have_attribute("aria-invalid", "true")
    see_an_answer(page, line, IDLE_MS)
    expect(field).to_have_value("Tundra")
    expect(page.locator(".errorlist")).to_be_visible()

    field.fill("77")
    field.press("Enter")
    expect(page.get_by_text("is in State 77 now.")).to_be_visible()
    expect(field).to_have_count(0)


def test_the_page_of_a_code_follows_its_end_and_offers_to_be_loaded_if_a_field_changed(
    page: Page, live_server: Any, run: Redemption
) -> None:
    code = gift_code("FROST")
    line = Line(page, "**/live/code/**")
    url = reverse("admin:giftcodes_giftcode_change", args=[code.pk])
    open_with_still_clock(page, live_server.url + url)
    button = page.get_by_role("button", name="Close code")
    button.focus()
    see_an_answer(page, line, IDLE_MS)
    expect(button).to_be_focused()

    GiftCode.objects.filter(pk=code.pk).update(state="closed", reason="The code has expired.")
    see_an_answer(page, line, IDLE_MS)
    expect(button).to_have_count(0)
    expect(page.get_by_role("button", name="Reopen code")).to_be_visible()
    state = page.get_by_role("region", name="State of FROST")
    expect(state).to_contain_text("The code has expired.")
    again = page.get_by_role("link", name="Load the page again")
    expect(again).to_have_count(0)

    GiftCode.objects.filter(pk=code.pk).update(rewards="1000 gems")
    see_an_answer(page, line, IDLE_MS)
    again.click()
    expect(again).to_have_count(0)
    expect(page.get_by_label("Rewards")).to_have_value("1000 gems")
    expect(page.get_by_role("button", name="Reopen code")).to_be_visible()
