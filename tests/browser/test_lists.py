"""Lists: an import is undone and repeated, a member moves, and rows on a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from openpyxl import Workbook
from playwright.sync_api import Page, expect

from giftcodes.models import Member, Redemption
from tests.browser.conftest import log_in
from tests.factories import astray, gift_code, guild, member, member_redemption

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    """A workbook with IDs as numbers, as Excel has them, and one bad line."""
    book = Workbook()
    for row in (
        ["Player ID", "Nickname", "State"],
        [300000001, "Amber", 1042],
        [300000002, "Birch", 1050],
        ["?", "", ""],
    ):
        book.active.append(row)
    file = tmp_path / "members.xlsx"
    book.save(file)
    return file


def test_an_import_of_a_workbook_is_undone_and_repeated_and_a_member_moves(
    page: Page, live_server: Any, admin_user: Any, workbook: Path
) -> None:
    wolves, bears = guild("Wolves"), guild("Bears")
    member(wolves, "300000001", nickname="Ash")
    log_in(page.context, live_server.url, admin_user)

    _import(page, live_server.url, wolves.pk, workbook)
    page.get_by_role("link", name="The import can be undone.").click()
    page.locator("#result_list tbody").get_by_role("link").first.click()
    page.get_by_role("button", name="Undo this import").click()
    expect(page.get_by_text("Would be removed again: 1")).to_be_visible()
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.get_by_text("The import was undone: 1 removed, 1 restored.")).to_be_visible()
    assert list(wolves.members.values_list("nickname", flat=True)) == ["Ash"]

    _import(page, live_server.url, wolves.pk, workbook)
    page.get_by_role("row", name="300000002").get_by_role("checkbox").check()
    page.locator("select[name=action]").select_option(label="Move to another guild …")
    page.get_by_role("button", name="Run").click()
    page.get_by_label("Guild").select_option("Bears")
    page.get_by_role("button", name="Show what it would do").click()
    expect(page.get_by_text("Would move: 1")).to_be_visible()
    page.get_by_role("button", name="Move", exact=True).click()
    expect(page.get_by_text("1 member moved to guild Bears.")).to_be_visible()
    birch = bears.members.get()
    assert (birch.nickname, birch.realm) == ("Birch", 1050)

    left = Member.objects.get(guild=wolves, player_id="300000002")
    page.goto(f"{live_server.url}/admin/giftcodes/member/{left.pk}/change/")
    page.locator(f"a[href$='/member/{left.pk}/history/']").click()
    newest = page.locator(".versions > li").first
    expect(newest).to_contain_text("Moved to Bears.")
    expect(newest).to_contain_text("admin")


def test_the_parts_of_a_row_have_the_same_place_in_every_row_on_a_phone(
    page: Page, live_server: Any, admin_user: Any
) -> None:
    wolves, code, long = guild("Wolves"), gift_code("FROST"), gift_code("CARNIVALBNCZ001XYZ9")
    for one in (
        astray(wolves, code, nickname="Amber"),
        member(wolves, nickname="A name of many words that is cut"),
        member(wolves, active=False),
    ):
        member_redemption(one, long, "redeemed")
    for row in Redemption.objects.all():
        LogEntry.objects.log_actions(admin_user.pk, [row], CHANGE, "Started.", single_object=True)
    page.set_viewport_size({"width": 390, "height": 844})
    log_in(page.context, live_server.url, admin_user)
    for address, parts in {
        f"guild/{wolves.pk}/members/": ["name_shown", "player_id", "codes_shown"],
        "member/": ["name_shown", "player_id", "guild", "codes_shown"],
        "redemption/": ["__str__", "state_shown"],
    }.items():
        page.goto(f"{live_server.url}/admin/giftcodes/{address}")
        for part in parts:
            assert len(_lefts(page, part)) == 1, f"{part} of {address}"
        assert _lefts(page, parts[0]) <= _lefts(page, parts[1])
        assert _tops(page, parts[0]) < _tops(page, parts[1]), "the name comes first"
    page.goto(f"{live_server.url}/admin/admin/logentry/")
    cell = page.locator("#result_list .field-row_shown", has_text="CARNIVALBNCZ001XYZ9 for Wolves")
    expect(cell).to_be_visible()
    assert cell.evaluate("cell => cell.scrollWidth <= cell.clientWidth"), "the name is cut"


def _lefts(page: Page, part: str) -> list[int]:
    """The distances of this part of the rows from the left edge, each once."""
    return sorted(set(_numbers(page, part, "left")))


def _tops(page: Page, part: str) -> list[int]:
    """The distances of this part of each row from the top of the page."""
    return _numbers(page, part, "top")


def _numbers(page: Page, part: str, side: str) -> list[int]:
    script = f"cells => cells.map(cell => Math.round(cell.getBoundingClientRect().{side}))"
    found: list[int] = page.locator(f"#result_list .data-row > .field-{part}").evaluate_all(script)
    assert found
    return found


def _import(page: Page, url: str, guild_id: int, file: Path) -> None:
    page.goto(f"{url}/admin/import/?guild={guild_id}")
    page.get_by_label("Or a file: Excel, CSV or text").set_input_files(file)
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_text("New: 1")).to_be_visible()
    expect(page.get_by_text("Changes: 1")).to_be_visible()
    expect(page.get_by_text("“?” is not a player ID.")).to_be_visible()
    page.get_by_role("button", name="Import 2 members").click()
    expect(page.get_by_text("Imported 1, already there 1, left out 1, changed 1.")).to_be_visible()


def test_a_player_opts_out_and_gets_the_data_and_is_erased(
    page: Page, live_server: Any, admin_user: Any
) -> None:
    amber = member(guild("Wolves"), "300000001", nickname="Amber")
    log_in(page.context, live_server.url, admin_user)

    page.goto(f"{live_server.url}/admin/giftcodes/member/{amber.pk}/change/")
    page.get_by_role("link", name="opt out, download the data, erase").click()
    page.get_by_role("button", name="Opt out").click()
    expect(page.get_by_text("Codes are no longer redeemed for player 300000001")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the data").click()
    assert "Amber" in Path(download.value.path()).read_text()
    page.get_by_label("I am sure. This cannot be undone.").check()
    page.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_text("The player is erased, and stays opted out.")).to_be_visible()
    assert not Member.objects.filter(player_id="300000001").exists()
