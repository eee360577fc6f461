"""The admin's frame in a browser: keyboard, search, phones, and pages without JavaScript."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from giftcodes.admin_menu import MENU
from tests.browser.conftest import log_in, watch
from tests.browser.screenshots import VARIANTS
from tests.browser.test_accessibility import faults
from tests.browser.world import World, build

pytestmark = pytest.mark.django_db(transaction=True)
#: The most presses of Tab until a person reaches the first row.
MOST_TABS = 10
#: The width of the narrowest phones that are supported.
NARROWEST = 360
_FOCUSED = """() => {
    const one = document.activeElement;
    return {text: one.textContent.trim(), in_rows: Boolean(one.closest("#rows")), tag: one.tagName,
            outline: getComputedStyle(one).outlineStyle, id: one.id};
}"""
_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def world(admin_user: Any) -> World:
    return build(user=admin_user, members=6, codes=3)


def lists() -> list[str]:
    """The address of each list."""
    return [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in admin.site._registry
    ]


def test_the_first_row_of_each_list_is_at_most_ten_tabs_away(
    page: Page, live_server: Any, admin_user: Any, world: World
) -> None:
    log_in(page.context, live_server.url, admin_user)
    walked = 0
    for url in lists():
        page.goto(live_server.url + url)
        if page.locator("#rows").count() == 0:
            continue
        assert _tabs_to_the_rows(page) <= MOST_TABS, url
        walked += 1
    assert walked >= 10


def _tabs_to_the_rows(page: Page) -> int:
    """Press Tab, and Enter on the link that skips to the list, until a row has the focus."""
    for presses in range(1, MOST_TABS + 2):
        page.keyboard.press("Tab")
        focused = page.evaluate(_FOCUSED)
        if focused["in_rows"] and focused["tag"] in ("A", "INPUT"):
            return presses
        assert focused["outline"] != "none", focused
        if focused["text"] == "Skip to the list":
            page.keyboard.press("Enter")
    return MOST_TABS + 1


def test_the_first_tab_skips_to_the_content(
    page: Page, live_server: Any, admin_user: Any, world: World
) -> None:
    log_in(page.context, live_server.url, admin_user)
    page.goto(f"{live_server.url}{reverse('admin:activity')}")
    page.keyboard.press("Tab")
    link = page.get_by_role("link", name="Skip to the content")
    expect(link).to_be_focused()
    expect(link).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator(".hub a").first).to_be_focused()


def test_the_user_menu_works_by_keyboard(page: Page, live_server: Any, admin_user: Any) -> None:
    log_in(page.context, live_server.url, admin_user)
    page.goto(f"{live_server.url}/admin/")
    user = page.get_by_role("button", name="admin")
    user.focus()
    page.keyboard.press("Enter")
    expect(user).to_have_attribute("aria-expanded", "true")
    page.get_by_role("button", name="Dark").press("Enter")
    expect(page.locator("html")).to_have_class("dark")
    page.keyboard.press("Escape")
    expect(user).to_be_focused()


def test_the_search_opens_by_shortcut_and_is_announced(
    page: Page, live_server: Any, admin_user: Any, world: World
) -> None:
    log_in(page.context, live_server.url, admin_user)
    page.goto(f"{live_server.url}/admin/giftcodes/member/")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("Control+k")
    field = page.get_by_role("searchbox", name="Search the site")
    expect(field).to_be_focused()
    page.keyboard.type("wolves")
    note = page.locator("[data-find-note]")
    expect(note).to_have_text("One result. Press the down arrow.")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#find-results a").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(field).to_be_focused()
    expect(page.locator("#find-results")).to_be_hidden()
    page.keyboard.press("Control+k")
    page.keyboard.type("qqqq")
    expect(note).to_have_text("Nothing found.")
    expect(page.locator("#find-results")).to_contain_text("Try a part of the name")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/search/?s=qqqq")
    expect(page.locator("main")).to_contain_text("Nothing found for “qqqq”.")


def test_a_page_without_javascript_shows_its_menu_and_finds_players(
    chromium: Browser, live_server: Any, admin_user: Any, world: World
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    log_in(context, live_server.url, admin_user)
    page = context.new_page()
    page.goto(f"{live_server.url}/admin/giftcodes/guild/")
    expect(page.get_by_role("link", name="Activity")).to_be_visible()
    page.get_by_role("searchbox").first.fill("wolves")
    page.keyboard.press("Enter")
    expect(page.locator("main").get_by_role("link", name="Wolves")).to_be_visible()
    context.close()


@pytest.mark.parametrize("width", [NARROWEST, 390, 768])
def test_no_list_and_no_page_of_the_menu_is_wider_than_a_phone(
    chromium: Browser, live_server: Any, admin_user: Any, world: World, width: int
) -> None:
    context = chromium.new_context(
        viewport={"width": width, "height": 800}, is_mobile=True, has_touch=True
    )
    log_in(context, live_server.url, admin_user)
    page = context.new_page()
    troubles = watch(page)
    wide = {}
    others = ["index", *(entry.hub for entry in MENU if entry.hub)]
    for url in (*lists(), *(reverse(f"admin:{name}") for name in others), "/admin/search/?s=wol"):
        page.goto(live_server.url + url)
        page.wait_for_load_state("networkidle")
        if (over := page.evaluate(_OVERFLOW)) > 0:
            wide[url] = over
    assert wide == {}
    assert troubles == []
    context.close()


def test_a_row_on_a_phone_has_three_lines_at_most(
    chromium: Browser, live_server: Any, admin_user: Any, world: World
) -> None:
    narrow = {"viewport": {"width": NARROWEST, "height": 800}}
    context = chromium.new_context(**{**VARIANTS["phone"], **narrow})
    log_in(context, live_server.url, admin_user)
    page = context.new_page()
    high = {}
    for url in lists():
        page.goto(live_server.url + url)
        rows = page.locator("#rows .data-row")
        heights = rows.evaluate_all("rows => rows.map(row => row.getBoundingClientRect().height)")
        if heights and max(heights) > 104:
            high[url] = max(heights)
    assert high == {}
    context.close()


@pytest.mark.parametrize("variant", VARIANTS)
def test_menu_pages_search_results_and_error_pages_have_no_serious_fault(
    chromium: Browser, live_server: Any, admin_user: Any, world: World, variant: str
) -> None:
    context = chromium.new_context(**VARIANTS[variant])
    page = context.new_page()
    found = {}
    page.goto(f"{live_server.url}/nothing/")
    found["404 outside"] = faults(page)
    log_in(context, live_server.url, admin_user)
    for url in (
        *(reverse(f"admin:{entry.hub}") for entry in MENU if entry.hub),
        "/admin/search/?s=wolves",
        "/admin/search/?s=qqqq",
        "/admin/giftcodes/guild/999/change/",
        "/admin/giftcodes/redemption/add/",
        "/admin/giftcodes/optout/",
        "/admin/django_celery_beat/periodictask/",
        "/admin/admin/logentry/",
    ):
        page.goto(live_server.url + url)
        page.wait_for_load_state("networkidle")
        found[url] = faults(page)
    context.close()
    assert {url: some for url, some in found.items() if some} == {}


def test_the_side_menu_itself_takes_no_focus(page: Page, live_server: Any, admin_user: Any) -> None:
    log_in(page.context, live_server.url, admin_user)
    page.goto(f"{live_server.url}/admin/")
    for _press in range(14):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.tagName") in ("A", "BUTTON", "INPUT")


@pytest.mark.parametrize(
    ("form", "field"),
    [("member/add/?guild={}", "player_id"), ("giftcode/add/?provider=whiteout", "code")],
)
def test_a_form_begins_in_its_first_empty_required_field(
    page: Page, live_server: Any, admin_user: Any, world: World, form: str, field: str
) -> None:
    log_in(page.context, live_server.url, admin_user)
    page.goto(f"{live_server.url}/admin/giftcodes/{form.format(world.guild.pk)}")
    expect(page.locator(f"#id_{field}")).to_be_focused()
    page.wait_for_load_state("networkidle")
    expect(page.locator(f"#id_{field}")).to_be_focused()


def test_the_list_of_people_shows_each_role_whole_on_the_narrowest_phone(
    chromium: Browser, live_server: Any, admin_user: Any, django_user_model: Any
) -> None:
    officers, _is_new = Group.objects.get_or_create(name="Guild officers")
    django_user_model.objects.create_user("amber", is_staff=True).groups.add(officers)
    context = chromium.new_context(viewport={"width": NARROWEST, "height": 800})
    page = context.new_page()
    log_in(context, live_server.url, admin_user)
    page.goto(f"{live_server.url}{reverse('admin:auth_user_changelist')}")
    cells = page.locator(".field-role_shown")
    expect(cells).to_have_count(2)
    for cell in cells.all():
        assert cell.evaluate("one => one.scrollWidth <= one.clientWidth"), cell.text_content()
    context.close()


def test_a_focused_search_field_has_one_frame(
    page: Page, live_server: Any, admin_user: Any, world: World
) -> None:
    log_in(page.context, live_server.url, admin_user)
    page.goto(f"{live_server.url}/admin/giftcodes/member/")
    field = page.get_by_label("Search this list")
    field.focus()
    colour = "one => getComputedStyle(one).outlineColor"
    assert field.evaluate(colour) == "rgba(0, 0, 0, 0)"
    around = field.locator("xpath=..")
    assert around.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
    assert around.evaluate(colour) != "rgba(0, 0, 0, 0)"
