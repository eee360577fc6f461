"""`make screenshots`: each page in light, in dark and on a phone, into docs/screenshots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page

from giftcodes.domain.findings import Finding, FindingKind, Topic
from giftcodes.models import ConnectionCheck, Feed, Guild, Member
from giftcodes.models.feed import FeedKind
from giftcodes.services import joining, sources
from tests.browser.conftest import log_in
from tests.browser.world import World, build, imported

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "screenshots"
VARIANTS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "color_scheme": "light",
        "is_mobile": True,
        "has_touch": True,
    },
}
HIGHEST = 1_100
pytestmark = pytest.mark.django_db(transaction=True)


def pages(world: World) -> dict[str, str]:
    """The most used pages, by the name of their screenshot."""
    return {
        "dashboard": "/admin/",
        "redemption-running": f"/admin/giftcodes/redemption/{world.running.pk}/change/",
        "redemption-complete": f"/admin/giftcodes/redemption/{world.complete.pk}/change/",
        "matrix": f"/admin/matrix/?guild={world.guild.pk}",
        "members": "/admin/giftcodes/member/",
        "player": f"/admin/player/{_astray(world.guild).pk}/",
        "guild": f"/admin/giftcodes/guild/{world.guild.pk}/overview/",
        "guild-members": f"/admin/giftcodes/guild/{world.guild.pk}/members/",
        "guild-codes": f"/admin/giftcodes/guild/{world.guild.pk}/codes/",
        "guild-officers": f"/admin/giftcodes/guild/{world.guild.pk}/officers/",
        "guild-settings": f"/admin/giftcodes/guild/{world.guild.pk}/change/",
        "code": f"/admin/giftcodes/giftcode/{world.closed.pk}/change/",
        "person": f"/admin/auth/user/{world.officer.pk}/change/",
        "guilds": "/admin/giftcodes/guild/",
        "people": "/admin/auth/user/",
        "games": "/admin/giftcodes/ratebudget/",
        "alarms": "/admin/giftcodes/alarm/",
        "journal": "/admin/giftcodes/redemptionevent/",
        "requests": "/admin/giftcodes/attempt/",
        "shares": "/admin/giftcodes/memberredemption/",
        "imports": "/admin/giftcodes/memberimport/",
        "redemptions": "/admin/giftcodes/redemption/",
        "codes": "/admin/giftcodes/giftcode/",
        "import": f"/admin/import/?guild={world.guild.pk}",
        "plan": f"/admin/plan/?guild={world.guild.pk}&code={world.complete.gift_code_id}",
    }


def _astray(guild: Guild) -> Member:
    """A member who needs a correction, and has other codes."""
    return Member.objects.filter(
        guild=guild, member_redemptions__state="needs_correction", active=True
    ).order_by("pk")[0]


def pages_of_members(guild: Guild, user: Any) -> dict[str, str]:
    """The pages about members, after a change of their rows."""
    made, corrected = imported(guild, user=user)
    return {
        "imported": f"/admin/giftcodes/memberimport/{made.pk}/change/",
        "history": f"/admin/giftcodes/member/{corrected.pk}/history/",
        "wish": f"/admin/player/?member={corrected.pk}",
    }


def press_redeem_now(page: Page, url: str, world: World) -> None:
    """Open the preview of "Redeem now", which has no address of its own."""
    page.goto(f"{url}/admin/giftcodes/giftcode/{world.complete.gift_code_id}/change/")
    page.get_by_role("button", name="Redeem now").click()
    page.get_by_role("heading", name="in all").wait_for()


def show_an_import(page: Page, url: str, world: World) -> None:
    """Open the review of a pasted chat: new, known, changed and unsure members, and a greeting."""
    known = world.guild.members.order_by("pk")[0]
    page.goto(f"{url}/admin/import/?guild={world.guild.pk}")
    page.get_by_label("The list").fill(
        "Good morning all!\n1. Quinn 300 000 009\n2. 🐺Rosa🐺 → 300000010 K1043\n"
        f"3. Amy {known.player_id}\n4. Sven 30OOOOO11\n5. Tove 300000012 said hello today\n"
    )
    page.get_by_role("button", name="Review").click()
    page.get_by_role("heading", name="Into guild").wait_for()


def show_an_undo(page: Page, url: str, address: str) -> None:
    """Open the preview of an undo."""
    page.goto(f"{url}{address}")
    page.get_by_role("button", name="Undo this import").click()
    page.get_by_role("heading", name="Would get the earlier values back").wait_for()


def show_a_player(page: Page, url: str, address: str) -> None:
    """Open the data of a player."""
    page.goto(f"{url}{address}")
    page.get_by_role("heading", name="Erase").wait_for()


def feeds() -> tuple[Feed, Feed]:
    """A feed of a web page that is off and was tried, and a webhook. They are on no other page."""
    page = Feed.objects.create(
        provider="simulator",
        name="Fan page",
        kind=FeedKind.WEB_PAGE,
        address="https://codes.example.org/list",
        options={"entries": "ul.codes li"},
        enabled=False,
    )
    found = [
        Finding.of(FindingKind.FEED_LISTS, number=2),
        Finding.of(FindingKind.FEED_NAMES, codes="HARVEST, LANTERN", new=1),
    ]
    token = sources.request_test(page, user_id=None)
    assert token is not None
    ConnectionCheck.objects.finish(
        sources.name_of_test(page), token, [(Topic.FEED, one) for one in found]
    )
    hook = Feed.objects.create(provider="simulator", name="Our bot", kind=FeedKind.PUSHED)
    return page, hook


def shoot_feeds(page: Page, url: str, variant: str) -> None:
    """Take the pictures of the pages of feeds."""
    tried, hook = feeds()
    for name, address in {
        "feeds": "",
        "feed-kinds": "add/",
        "feed-add": "add/?kind=json",
        "feed": f"{tried.pk}/change/",
        "feed-webhook": f"{hook.pk}/change/",
    }.items():
        page.goto(f"{url}/admin/giftcodes/feed/{address}")
        _shoot(page, name, variant)
    page.get_by_role("button", name="Make a token").click()
    page.get_by_label("The token").evaluate("field => { field.value = 'sr-' + 'x'.repeat(28) }")
    page.get_by_label("A command").evaluate(
        "field => { field.value = field.value.replace(/sr-[a-z0-9]+/, 'sr-' + 'x'.repeat(28)) }"
    )
    _shoot(page, "feed-token", variant)
    for row in (tried, hook):
        sources.remove(row)


def show_an_invitation(page: Page, url: str, world: World) -> str:
    """Invite an officer, and open the page with the link. Returns the link."""
    page.goto(f"{url}/admin/giftcodes/invitation/add/?guild={world.guild.pk}")
    page.get_by_role("button", name="Save", exact=True).click()
    return page.get_by_label("Link", exact=True).input_value()


def shoot_all(chromium: Browser, live_server: Any, admin_user: Any, client: Any) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for variant, options in VARIANTS.items():
        context = chromium.new_context(**options)
        page = context.new_page()
        page.goto(f"{live_server.url}/admin/login/")
        page.screenshot(path=FOLDER / f"login-{variant}.png")
        log_in(context, live_server.url, admin_user)
        if variant == "light":
            page.goto(f"{live_server.url}/admin/")
            _shoot(page, "first-steps", variant)
            world = build(user=admin_user)
            of_members = pages_of_members(world.guild, admin_user)
        for name, address in {**pages(world), **of_members}.items():
            page.goto(f"{live_server.url}{address}")
            _shoot(page, name, variant)
        shoot_feeds(page, live_server.url, variant)
        press_redeem_now(page, live_server.url, world)
        _shoot(page, "redeem-now", variant)
        show_an_import(page, live_server.url, world)
        _shoot(page, "import-preview", variant)
        show_an_undo(page, live_server.url, of_members["imported"])
        _shoot(page, "undo", variant)
        show_a_player(page, live_server.url, of_members["wish"])
        _shoot(page, "wish", variant)
        link = show_an_invitation(page, live_server.url, world)
        _shoot(page, "link", variant)
        page.context.clear_cookies()
        page.goto(link)
        _shoot(page, "invitation", variant)
        if variant == "light":
            log_in(context, live_server.url, world.officer)
            page.goto(f"{live_server.url}/admin/")
            _shoot(page, "officer", variant)
        context.close()


def shoot_languages(chromium: Browser, live_server: Any, admin_user: Any) -> None:
    """Take pictures of Home, and of the page on which a player joins, in other languages."""
    world = build(user=admin_user)
    join = reverse("players:join", args=[joining.make_join_link(world.guild.pk).token])
    for language in ("de", "ar"):
        for variant, address in (("light", "/admin/"), ("phone", join)):
            context = chromium.new_context(locale=language, **VARIANTS[variant])
            log_in(context, live_server.url, admin_user)
            page = context.new_page()
            page.goto(f"{live_server.url}{address}")
            name = "join" if address == join else "dashboard"
            _shoot(page, f"{name}-{language}", variant)
            context.close()


def _shoot(page: Page, name: str, variant: str) -> None:
    page.wait_for_load_state("networkidle")
    # Make the window as high as the page. Otherwise sticky elements are in the middle of the image.
    size = page.viewport_size or {"width": 0, "height": 0}
    height = min(page.evaluate("document.documentElement.scrollHeight"), HIGHEST)
    page.set_viewport_size({"width": size["width"], "height": max(height, size["height"])})
    page.screenshot(path=FOLDER / f"{name}-{variant}.png")
    page.set_viewport_size(size)
