"""What only a browser shows about our own forms: they can be sent, and every field is visible."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from giftcodes.models import JoinLink, PlayerLink
from giftcodes.services import joining
from tests.browser.conftest import log_in, watch
from tests.browser.screenshots import VARIANTS, pages, pages_of_members
from tests.browser.test_accessibility import ACCESS, CONNECTING
from tests.browser.world import build
from tests.factories import guild, member

STYLES = Path(settings.BASE_DIR) / "giftcodes" / "static" / "giftcodes"
pytestmark = pytest.mark.django_db(transaction=True)


# --- Forms on pages with a secret -----------------------------------------------------------------
def test_a_personal_link_is_made_and_its_page_accepts_forms(
    page: Page, live_server: Any, admin_user: Any
) -> None:
    anna = member(guild("Wolves"), "300000001", nickname="Anna")
    log_in(page.context, live_server.url, admin_user)
    page.goto(live_server.url + reverse("admin:personal_link", args=[anna.pk]))
    page.get_by_role("button", name="Make the personal link").click()
    link = page.get_by_label("The link").input_value()
    assert PlayerLink.objects.get().member == anna

    page.context.clear_cookies()
    page.goto(link)
    page.locator("summary", has_text="Has somebody else seen the link?").click()
    page.get_by_role("button", name="Make a new link").click()
    expect(page.get_by_role("status")).to_contain_text("This is your new link")


def test_the_join_link_of_a_guild_is_made(page: Page, live_server: Any, admin_user: Any) -> None:
    wolves = guild("Wolves")
    log_in(page.context, live_server.url, admin_user)
    page.goto(live_server.url + reverse("admin:joining", args=[wolves.pk]))
    page.get_by_role("button", name="Make the join link").click()
    expect(page.get_by_label("The link", exact=True)).to_have_value(re.compile("/join/"))
    assert JoinLink.objects.filter(guild=wolves).exists()


# --- Fields ---------------------------------------------------------------------------------------
#: The fields that lack a visible border on some side, each as the beginning of its HTML.
_BARE = """() => [...document.querySelectorAll("input, select, textarea")].filter(field => {
    if (["hidden", "checkbox", "radio", "submit", "button", "image", "range"].includes(field.type))
        return false;
    if (field.classList.contains("select2-search__field")) return false;
    if (!field.checkVisibility({checkVisibilityCSS: true, checkOpacity: true})) return false;
    const box = field.getBoundingClientRect();
    if (box.width < 8 || box.height < 8) return false;
    const seen = (side, of) => {
        const style = getComputedStyle(of);
        const colour = style["border" + side + "Color"];
        const clear = colour === "transparent" || /[,/]\\s*0\\)$/.test(colour);
        return style["border" + side + "Style"] !== "none"
            && parseFloat(style["border" + side + "Width"]) > 0 && !clear;
    };
    // A field is also visible if a frame of about its own size has a border.
    const frames = [field];
    for (let up = field.parentElement; up && frames.length < 3; up = up.parentElement)
        if (up.getBoundingClientRect().height < box.height + 24) frames.push(up);
    return !frames.some(one => ["Top", "Bottom", "Left", "Right"].every(side => seen(side, one)));
}).map(field => field.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("variant", ["light", "dark"])
def test_every_field_has_a_border(
    chromium: Browser, live_server: Any, admin_user: Any, variant: str
) -> None:
    context = chromium.new_context(**VARIANTS[variant])
    page = context.new_page()
    troubles = watch(page)
    log_in(context, live_server.url, admin_user)
    world = build(user=admin_user, members=6)
    anna = member(world.guild, "300000001", nickname="Anna")
    _link, token = PlayerLink.objects.issue(guild_id=world.guild.pk, member=anna)
    join = joining.make_join_link(world.guild.pk)
    addresses = {
        **pages(world),
        **pages_of_members(world.guild, admin_user),
        **ACCESS,
        **CONNECTING,
        "join": reverse("players:join", args=[join.token]),
        "my": reverse("players:my", args=[token]),
        "joining": reverse("admin:joining", args=[world.guild.pk]),
        "channels": f"/admin/giftcodes/guild/{world.guild.pk}/channels/",
        "add a channel": "/admin/giftcodes/channel/add/",
        "add a code": "/admin/giftcodes/giftcode/add/",
        "password": "/admin/password_change/",
    }
    found: dict[str, list[str]] = {}
    for name, address in addresses.items():
        page.goto(live_server.url + address)
        page.evaluate(
            "document.querySelectorAll('details').forEach(one => one.setAttribute('open', ''))"
        )
        if bare := page.evaluate(_BARE):
            found[name] = bare
    context.close()
    assert found == {}
    assert troubles == []


@pytest.mark.parametrize("sheet", sorted(STYLES.glob("*.css")), ids=lambda sheet: sheet.name)
def test_every_rule_of_a_style_sheet_is_closed(sheet: Path) -> None:
    """A browser does not report a missing brace: it drops the rules that follow."""
    text = re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL)
    depth = 0
    for rule in re.findall(r"[^{}]*[{}]", text):
        depth += 1 if rule.endswith("{") else -1
        assert depth <= 2, rule
    assert depth == 0
