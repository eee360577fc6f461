"""A player's story on a phone and without JavaScript, and the players' pages in all variants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from giftcodes.models import Guild, JoinLink, Member, PlayerLink, PublicPage
from giftcodes.services import joining
from tests.browser.conftest import PATIENCE_MS, log_in, watch
from tests.browser.screenshots import VARIANTS
from tests.browser.test_accessibility import faults
from tests.factories import gift_code, guild, member
from tests.players.conftest import row

pytestmark = pytest.mark.django_db(transaction=True)
PHONE = {"width": 360, "height": 740}


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Page]:
    """A small phone whose browser runs no scripts."""
    context = chromium.new_context(
        viewport=PHONE, is_mobile=True, has_touch=True, java_script_enabled=False
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    troubles = watch(page)
    yield page
    context.close()
    assert troubles == []


@pytest.fixture
def wolves() -> Guild:
    wolves = guild("Wolves")
    gift_code("FROST2026", rewards="500 gems\n10 speedups")
    return wolves


def fits(page: Page) -> bool:
    """Whether the page fits into the screen. Scripts are off, so its boxes are measured."""
    boxes = [one.bounding_box() for one in page.locator("header, main, main *").all()]
    return all(box is None or box["x"] + box["width"] <= PHONE["width"] + 1 for box in boxes)


def test_a_player_joins_sees_the_codes_corrects_the_state_and_leaves(
    phone: Page, live_server: Any, wolves: Guild
) -> None:
    link = joining.make_join_link(wolves.pk, needs_approval=False)
    phone.goto(live_server.url + reverse("players:join", args=[link.token]))
    assert fits(phone)
    phone.get_by_label("Player ID").fill("300 000")
    phone.get_by_role("button", name="Join").click()
    expect(phone.get_by_role("alert")).to_contain_text("You have not joined yet")
    expect(phone.get_by_text("If you agree, tick the box")).to_be_visible()
    assert fits(phone)

    phone.get_by_label("Player ID").fill("ID: 300 000 001")
    phone.get_by_label("Your name in the game").fill("Anna")
    phone.get_by_label("I want this, and it is my own account.").check()
    phone.get_by_role("button", name="Join").click()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Hello Anna")
    expect(phone.get_by_text("FROST2026")).to_be_visible()
    expect(phone.get_by_text("Waiting for its turn")).to_be_visible()
    assert fits(phone)

    anna = wolves.members.get()
    row(anna, gift_code("SNOWDAY"), "needs_correction", outcome="wrong_realm", asked_realm=1042)
    Member.objects.update(refused_realm=1042, refused_at=timezone.now())
    phone.reload()
    phone.get_by_role("link", name="Correct your state").click()
    expect(phone.get_by_role("heading", name="Your state")).to_be_in_viewport()
    phone.get_by_role("textbox", name="State").fill("1043")
    phone.get_by_role("button", name="Save").click()
    expect(phone.get_by_role("status")).to_contain_text("1 code is tried again now")
    anna.refresh_from_db()
    assert anna.realm == 1043

    expect(phone.get_by_text("Being tried in State 1043")).to_be_visible()
    assert fits(phone)
    phone.get_by_role("link", name="Stop that").click()
    phone.locator("summary", has_text="Leave this guild").click()
    phone.get_by_label("I am sure").first.check()
    phone.get_by_role("button", name="Leave this guild").click()
    expect(phone.get_by_role("status")).to_contain_text("You have left")
    expect(phone.get_by_role("heading", name="You are not in this guild now")).to_be_visible()
    anna.refresh_from_db()
    assert not anna.active


def test_a_player_waits_for_an_officer_and_withdraws(
    phone: Page, live_server: Any, wolves: Guild
) -> None:
    link = joining.make_join_link(wolves.pk)
    phone.goto(live_server.url + reverse("players:join", args=[link.token]))
    phone.get_by_label("Player ID").fill("300000001")
    phone.get_by_label("Your name in the game").fill("Anna")
    phone.get_by_label("I want this, and it is my own account.").check()
    phone.get_by_role("button", name="Ask to join").click()
    expect(phone.get_by_role("heading", level=1)).to_contain_text(
        "An officer looks at your request"
    )
    assert fits(phone)
    phone.get_by_role("button", name="Withdraw the request").click()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Your request is withdrawn")


def test_a_player_copies_and_shares_the_link_and_no_request_is_sent(
    page: Page, live_server: Any, wolves: Guild
) -> None:
    page.add_init_script("navigator.share = async (what) => { window.shared = what; };")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    _link, token = PlayerLink.objects.issue(guild_id=wolves.pk, member=member(wolves))
    address = live_server.url + reverse("players:my", args=[token])
    page.goto(address)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))

    page.get_by_role("button", name="Copy the link").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    page.get_by_role("button", name="Share").click()

    assert page.evaluate("navigator.clipboard.readText()") == address
    assert page.evaluate("window.shared") == {"title": "My gift codes", "url": address}
    # The browser may fetch the icon late.
    assert [one for one in sent if not one.endswith("/icon.svg")] == []


def test_a_visitor_copies_a_code_and_a_browser_that_cannot_share_offers_no_button(
    page: Page, live_server: Any, wolves: Guild
) -> None:
    page.add_init_script("delete Navigator.prototype.share;")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    public = PublicPage.objects.create(guild=wolves)
    page.goto(live_server.url + reverse("players:public", args=[public.public_id]))
    page.get_by_role("button", name="Copy FROST2026").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "FROST2026"

    waiting, _has_joined = joining.ask_to_join(
        joining.make_join_link(wolves.pk), joining.Wish("300000003", "Bram", 1042)
    )
    page.goto(live_server.url + reverse("players:my", args=[waiting]))
    expect(page.get_by_role("button", name="Copy the link")).to_be_visible()
    expect(page.get_by_text("Share")).to_be_hidden()


def test_without_javascript_there_are_no_buttons_that_do_nothing(
    phone: Page, live_server: Any, wolves: Guild
) -> None:
    _link, token = PlayerLink.objects.issue(guild_id=wolves.pk, member=member(wolves))
    phone.goto(live_server.url + reverse("players:my", args=[token]))
    expect(phone.get_by_label("The address of this page")).to_be_visible()
    for name in ("Copy the link", "Share"):
        expect(phone.get_by_text(name, exact=True)).to_be_hidden()


def addresses(wolves: Guild) -> dict[str, str]:
    """Each kind of page for players, with every part that it can have."""
    link: JoinLink = joining.make_join_link(wolves.pk)
    anna = member(wolves, "300000001", nickname="Anna")
    for number, (state, fields) in enumerate(
        (
            ("redeemed", {}),
            ("pending", {}),
            ("needs_correction", {"asked_realm": 1042}),
            ("not_eligible", {"outcome": "level_too_low"}),
            ("cancelled", {"cancel_kind": "stopped"}),
        )
    ):
        row(anna, gift_code(f"CODE{number}"), state, **fields)
    tokens = [
        PlayerLink.objects.issue(guild_id=wolves.pk, member=anna, is_confirmed=is_confirmed)[1]
        for is_confirmed in (True, False)
    ]
    left = member(wolves, "300000002", active=False)
    tokens.append(PlayerLink.objects.issue(guild_id=wolves.pk, member=left)[1])
    waiting, _has_joined = joining.ask_to_join(link, joining.Wish("300000003", "Bram", 1042))
    return {
        "join": reverse("players:join", args=[link.token]),
        **{f"my {number}": reverse("players:my", args=[one]) for number, one in enumerate(tokens)},
        "waiting": reverse("players:my", args=[waiting]),
        "public": reverse(
            "players:public", args=[PublicPage.objects.create(guild=wolves).public_id]
        ),
        "erased": reverse("players:erased"),
        "ended": "/my/x/",
        "officer": reverse("admin:joining", args=[wolves.pk]),
        "personal link": reverse("admin:personal_link", args=[anna.pk]),
    }


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_page_for_players_has_a_serious_fault(
    chromium: Browser, live_server: Any, admin_user: Any, wolves: Guild, variant: str
) -> None:
    context = chromium.new_context(**VARIANTS[variant])
    page = context.new_page()
    troubles = watch(page)
    log_in(context, live_server.url, admin_user)
    found: dict[str, list[str]] = {}
    for name, address in addresses(wolves).items():
        page.goto(live_server.url + address)
        for summary in page.locator("main summary").all():
            summary.click()
        found[name] = faults(page)
        width = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if width > 0:
            found[name].append(f"wider than the screen by {width}")
    context.close()
    assert {name: faults for name, faults in found.items() if faults} == {}
    assert troubles == []
