"""The list of guilds says which guild needs a person, and a phone leaves out empty cells."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from giftcodes.admin.common.html import player_url
from giftcodes.models import Guild, Member, Redemption
from tests.admin.conftest import Browser
from tests.factories import gift_code, guild, member
from tests.players.conftest import row

pytestmark = pytest.mark.django_db


def cells(browser: Browser, name: str) -> list[str]:
    """The cells of the row of a guild, without markup."""
    page = browser.open("guild_changelist").content.decode()
    rows = re.findall(r'<tr class="data-row">(.*?)</tr>', page, re.DOTALL)
    (found,) = [one for one in rows if name in one]
    return [
        " ".join(re.sub(r"<[^>]+>", " ", cell).split())
        for cell in re.findall(r"<t[dh].*?</t[dh]>", found, re.DOTALL)
    ]


def unknown(into: Guild, number: int, known: int = 0) -> None:
    """Add members whom the game does not know, and members whom it knows."""
    for place in range(number):
        one = member(into, f"{into.pk}0000{place:03d}")
        Member.objects.filter(pk=one.pk).update(refused_realm=into.realm, refused_at=timezone.now())
    for place in range(known):
        member(into, f"{into.pk}1000{place:03d}")


def ended(into: Guild, code: Any, state: str) -> None:
    """Add a member whose redemption of the code has this state, and end the run."""
    one = member(into, f"{into.pk}2000{code.pk:03d}")
    row(one, code, state)
    Redemption.objects.filter(guild=into).update(state="complete", unlocked_at=timezone.now())


def test_the_list_says_which_guild_needs_a_person(browser: Browser) -> None:
    unknown(guild("Astray"), 3)
    unknown(guild("Two"), 2, known=8)
    unknown(guild("Well"), 0, known=3)
    assert any("check the state: 3 unknown" in cell for cell in cells(browser, "Astray"))
    assert any("2 members to correct" in cell for cell in cells(browser, "Two"))
    assert not any("unknown" in cell or "to correct" in cell for cell in cells(browser, "Well"))


def test_the_list_says_how_the_last_run_went(browser: Browser) -> None:
    code = gift_code("FROST2026")
    ended(guild("Well"), code, "redeemed")
    guild("Fresh")
    assert any("FROST2026" in cell for cell in cells(browser, "Well"))
    assert "–" in cells(browser, "Fresh")


def test_the_list_says_which_guilds_have_runs_and_links_to_them(browser: Browser) -> None:
    wolves, well = guild("Wolves"), guild("Well")
    ended(wolves, gift_code("OLD2026"), "redeemed")
    for _ in range(2):
        Redemption.objects.create(guild=wolves, gift_code=gift_code(), state="running")
    assert any("running: 2 codes" in one and "OLD2026" in one for one in cells(browser, "Wolves"))
    assert not any("running" in cell for cell in cells(browser, "Well"))
    page = browser.open("guild_changelist").content.decode()
    runs = re.search(r'<a class="badge tone-busy" href="([^"]+)"', page)
    assert runs
    listed = browser.client.get(runs[1].replace("&amp;", "&")).context["cl"].result_list
    assert [(row.guild, row.state) for row in listed] == [(wolves, "running")] * 2
    assert well.redemptions.count() == 0


def test_more_guilds_cost_no_more_queries(browser: Browser) -> None:
    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            browser.open("guild_changelist")
        return len(queries)

    def fill(name: str) -> None:
        one = guild(name)
        unknown(one, 2, known=1)
        ended(one, gift_code(f"CODE{name}"), "redeemed")
        Redemption.objects.create(guild=one, gift_code=gift_code(), state="running")

    fill("A")
    cost()
    one = cost()
    for name in "BCDE":
        fill(name)
    assert cost() == one


def test_a_phone_leaves_out_cells_without_a_value(browser: Browser) -> None:
    gift_code("FROST2026")
    page = browser.open("giftcode_changelist").content.decode()
    assert re.search(r'<td class="nothing field-expires_at[^>]*>-</td>', page)
    assert not re.search(r'class="nothing field-state_shown', page)
    assert "without-10" in page


def test_the_name_of_a_member_is_a_link(browser: Browser) -> None:
    anna = member(guild("Wolves"), "300000001", nickname="Anna")
    page = browser.open("member_changelist").content.decode()
    assert re.search(rf"<a[^>]*{player_url(anna.pk)}[^>]*>\s*Anna", page)


def test_the_page_of_a_code_updates_itself(browser: Browser) -> None:
    wolves = guild("Wolves")
    anna = member(wolves, "300000001", nickname="Anna")
    code = gift_code("FROST2026")
    row(anna, code, "redeemed")
    page = browser.open("giftcode_change", code.pk).content.decode()
    live = re.search(r'data-live="([^"]+)"', page)
    assert live
    part = browser.client.get(live[1]).json()["parts"]["served"]
    assert "1 of 1 has it" in part


def test_adding_a_code_leads_to_its_page_which_shows_the_progress(browser: Browser) -> None:
    response = browser.client.post(
        "/admin/giftcodes/giftcode/add/",
        {"provider": "simulator", "code": "NEW2026", "rewards": ""},
    )
    assert response.status_code == 302
    assert re.fullmatch(r"/admin/giftcodes/giftcode/\d+/change/", response["Location"])
    page = browser.client.get(response["Location"]).content.decode()
    assert "No guild has begun yet." in page


def test_the_page_that_adds_a_row_has_no_link_to_itself(browser: Browser) -> None:
    page = browser.client.get("/admin/giftcodes/guild/add/").content.decode()
    assert 'class="addlink' not in page
    assert 'class="addlink' in browser.open("guild_changelist").content.decode()
