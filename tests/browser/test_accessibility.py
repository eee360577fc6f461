"""axe-core finds no serious fault on the most used pages, in light, in dark and on a phone."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.browser.conftest import log_in, watch
from tests.browser.screenshots import (
    VARIANTS,
    pages,
    pages_of_members,
    press_redeem_now,
    show_a_player,
    show_an_import,
    show_an_invitation,
    show_an_undo,
)
from tests.browser.world import build

pytestmark = pytest.mark.django_db(transaction=True)
GRAVE = ("serious", "critical")
#: Pages with which people get an account.
ACCESS = {
    "rules for officers": "/admin/officer-rules/",
    "invite": "/admin/giftcodes/invitation/add/",
    "invitations": "/admin/giftcodes/invitation/",
}
#: Pages with which a game is connected.
CONNECTING = {
    "connect": "/admin/connect/",
    "connect a game": "/admin/connect/simulator/",
    "connect another": "/admin/connect/whiteout/",
    "Discord bot": "/admin/discord/",
}
#: Lists are all alike, so these are checked in the light variant only.
LISTS = {
    "guilds",
    "people",
    "games",
    "feeds",
    "alarms",
    "journal",
    "requests",
    "shares",
    "imports",
    "codes",
    "members",
}


def faults(page: Any) -> list[str]:
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{fault['id']}: {node['target']} {node.get('failureSummary', '')[:300]}"
        for fault in found
        if fault["impact"] in GRAVE
        for node in fault["nodes"][:4]
    ]


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_page_has_a_serious_fault(
    chromium: Browser, live_server: Any, admin_user: Any, variant: str
) -> None:
    context = chromium.new_context(**VARIANTS[variant])
    page = context.new_page()
    troubles = watch(page)
    found: dict[str, list[str]] = {}
    page.goto(f"{live_server.url}/admin/login/")
    found["login"] = faults(page)
    log_in(context, live_server.url, admin_user)
    page.goto(f"{live_server.url}/admin/")
    found["first steps"] = faults(page)
    world = build(user=admin_user, members=12)
    of_members = pages_of_members(world.guild, admin_user)
    for name, address in {**pages(world), **of_members}.items():
        if variant != "light" and name in LISTS:
            continue
        page.goto(f"{live_server.url}{address}")
        page.wait_for_load_state("networkidle")
        found[name] = faults(page)
    press_redeem_now(page, live_server.url, world)
    found["redeem now"] = faults(page)
    show_an_import(page, live_server.url, world)
    found["import preview"] = faults(page)
    show_an_undo(page, live_server.url, of_members["imported"])
    found["undo"] = faults(page)
    show_a_player(page, live_server.url, of_members["wish"])
    found["a player's wish"] = faults(page)
    for name, address in {**ACCESS, **CONNECTING}.items():
        page.goto(f"{live_server.url}{address}")
        found[name] = faults(page)
    link = show_an_invitation(page, live_server.url, world)
    found["link"] = faults(page)
    page.goto(link)
    found["one more guild"] = faults(page)
    page.context.clear_cookies()
    page.goto(link)
    found["invitation"] = faults(page)
    page.goto(f"{live_server.url}/invitation/nonsense/")
    found["link that does not work"] = faults(page)
    context.close()
    assert {name: faults for name, faults in found.items() if faults} == {}
    assert troubles == []
