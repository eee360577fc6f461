"""A whole story in a real Chromium, from the first login to the officer of another guild."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.real_system import LEADER, PASSWORD, add_leader, serve
from tests.system.machinery import System, system

MEMBERS = [str(player) for player in range(310_000_000, 310_000_047)]
#: Lines without a player ID, which people may paste between IDs.
BAD = ["Amber", "12 34", "players:"]
#: Two members in another realm, so that the game refuses them.
ASTRAY = MEMBERS[:2]
OFFICERS_PASSWORD = "also-only-for-this-test"
#: A run of 47 members takes about ten seconds at this rate: long enough to look at.
RATE = "15/2"
PATIENCE_MS = 60_000

pytestmark = pytest.mark.system


@pytest.fixture
def running(tmp_path: Path) -> Iterator[System]:
    """Simulator, workers and beat, with one user in the database."""
    with system(
        tmp_path, WHITEOUT_SALT="story-salt", SIMULATOR_SALT="story-salt", WHITEOUT_RATE=RATE
    ) as running:
        running.environment |= {"SIMULATOR_API_URL": ""}
        running.start_game("--rate", RATE, "--latency", "1")
        running.environment |= {"WHITEOUT_API_URL": f"{running.game_url}/api/gift_code"}
        players = {player: {"realm": 77 if player in ASTRAY else 1042} for player in MEMBERS}
        running.world(players=players, codes={"FROST2026": {}})
        add_leader(running)
        running.start_workers()
        yield running


@pytest.fixture
def site(running: System) -> str:
    """The address of the web server."""
    return serve(running)


def test_a_leader_redeems_corrects_and_is_refused_and_an_officer_of_another_guild_finds_nothing(
    page: Page, site: str, running: System
) -> None:
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)

    _log_in(page, site, LEADER, PASSWORD)
    page.get_by_role("link", name="Add a guild").click()
    _make_a_guild(page, "Wolves")
    _import_fifty_of_which_three_are_bad(page)
    _add_a_code(page, site)
    _see_it_through_on_the_dashboard(page, site)
    _find_who_is_left(page, site)
    _correct_one_and_see_it_settle(page)
    running.world(options={"latency": 5})
    theirs = _press_redeem_now_twice(page, site)
    _make_an_officer_of_another_guild(page, site)

    page.context.clear_cookies()
    _log_in(page, site, "bjorn", OFFICERS_PASSWORD)
    _find_nothing(page, site, theirs)


def _log_in(page: Page, site: str, username: str, password: str) -> None:
    page.goto(site)
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def _make_a_guild(page: Page, name: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Game").select_option("Whiteout Survival")
    page.get_by_label("State").fill("1042")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    expect(page.get_by_role("link", name="Overview")).to_have_attribute("aria-current", "page")


def _import_fifty_of_which_three_are_bad(page: Page) -> None:
    page.locator('[aria-current="step"]').get_by_role("link", name="Paste a member list").click()
    page.get_by_label("The list").fill("\n".join([*MEMBERS[:20], *BAD, *MEMBERS[20:]]))
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_text("Left out: 3")).to_be_visible()
    expect(page.get_by_text("New: 47")).to_be_visible()
    for line, bad in enumerate(BAD, start=21):
        expect(page.get_by_text(f"Line {line}: {bad}")).to_be_visible()
    page.get_by_role("button", name="Import 47 members").first.click()
    expect(page.get_by_text("Imported 47, already there 0, left out 3.")).to_be_visible()


def _add_a_code(page: Page, site: str) -> None:
    page.goto(f"{site}/admin/")
    page.get_by_role("link", name="Wait for a code, or add one").click()
    page.get_by_label("Code").first.fill("FROST2026")
    page.get_by_label("Game").select_option("Whiteout Survival")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Code FROST2026 is saved.")).to_be_visible()


def _see_it_through_on_the_dashboard(page: Page, site: str) -> None:
    """The progress bar moves and the run ends without a reload of the page."""
    page.goto(f"{site}/admin/")
    page.evaluate("window.neverReloaded = true")
    expect(page.locator(".runs .share-bar").first).to_be_visible()
    having = "parseInt(document.querySelector('.runs .run-progress')?.textContent)"
    page.wait_for_function(f"{having} >= 5")
    early = page.evaluate(having)
    page.wait_for_function(f"{having} > {early}")
    expect(page.get_by_text("Nothing is running now.")).to_be_visible()
    expect(page.get_by_text("First steps")).to_have_count(0)
    assert page.evaluate("window.neverReloaded") is True


def _find_who_is_left(page: Page, site: str) -> None:
    page.get_by_role("link", name="Coverage").click()
    expect(page.locator(".cell-redeemed:not(.key)")).to_have_count(len(MEMBERS) - len(ASTRAY))
    left = page.locator(".cell-needs_correction:not(.key) a")
    expect(left).to_have_count(len(ASTRAY))
    assert "unknown in State 1042" in str(left.first.get_attribute("aria-label"))
    page.get_by_label("Members").select_option("who need you")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".matrix tbody tr")).to_have_count(len(ASTRAY))


def _correct_one_and_see_it_settle(page: Page) -> None:
    """Follow the correction on the redemption's page, without a reload."""
    page.locator(".matrix thead a").first.click()
    page.wait_for_url("**/redemption/*/change/")
    redemption = page.url
    expect(page.locator('[data-part="members"] .badge-needs_correction')).to_have_count(len(ASTRAY))
    page.locator('[data-part="members"]').get_by_role("link", name="Correct").first.click()
    page.get_by_label("State", exact=True).fill("77")
    page.get_by_role("button", name="Save and ask again").click()
    expect(page.get_by_text("is in State 77 now. 1 code is asked for again.")).to_be_visible()
    expect(page.get_by_role("heading", name="Has it (1)")).to_be_visible()
    page.goto(redemption)
    page.evaluate("window.neverReloaded = true")
    expect(page.locator('[data-part="members"] .badge-needs_correction')).to_have_count(
        len(ASTRAY) - 1
    )
    expect(page.get_by_text("46 of 47 have it", exact=True)).to_be_visible()
    expect(page.locator('[data-part="state"] .badge.tone-attention')).to_be_visible()
    assert page.evaluate("window.neverReloaded") is True


def _press_redeem_now_twice(page: Page, site: str) -> list[str]:
    """Press "Retry unsettled" in two windows. The second window does not show the first press.

    The game answers slowly for the last member, so the first run still goes on at the second press.

    Returns:
        The addresses of the pages about the guild.
    """
    other = page.context.new_page()
    other.route("**/admin/live/**", lambda route: route.abort())
    other.goto(page.url)
    page.get_by_role("button", name="Retry unsettled").click()
    other.get_by_role("button", name="Retry unsettled").click()
    expect(other.get_by_text("FROST2026 for Wolves is running already")).to_be_visible()
    expect(page.get_by_text("Started for guild Wolves with code FROST2026.")).to_be_visible()
    other.close()
    page.evaluate("window.neverReloaded = true")
    expect(page.locator(".timeline .event-refused")).to_have_count(1)
    expect(page.locator('[data-part="state"] .badge.tone-attention')).to_be_visible()
    expect(page.locator(".timeline li").first).to_contain_text("finished")
    assert page.evaluate("window.neverReloaded") is True
    live = page.locator("[data-live]").first.get_attribute("data-live")
    pages_of_rows = "#content a[href*='/change/'], #content a[href*='/overview/']"
    links = page.locator(pages_of_rows).evaluate_all("links => links.map(link => link.href)")
    guild = next(link for link in links if "/guild/" in link).split("/")[-3]
    coverage = [f"{site}/admin/matrix/?guild={guild}", f"{site}/admin/matrix/csv/?guild={guild}"]
    player = page.locator('[data-part="members"] a[href*="/player/"]').first.get_attribute("href")
    member = f"{site}/admin/giftcodes/member/{str(player).split('/')[-2]}/change/"
    return [page.url, f"{site}{live}", f"{site}{player}", member, *coverage, *links]


def _make_an_officer_of_another_guild(page: Page, site: str) -> None:
    page.goto(f"{site}/admin/giftcodes/guild/add/")
    _make_a_guild(page, "Bears")
    page.goto(f"{site}/admin/auth/user/add/")
    expect(page.get_by_label("Guild officer")).to_be_checked()
    page.locator(".select2-search__field").fill("Bea")
    page.locator(".select2-results__option", has_text="Bears").click()
    page.get_by_role("button", name="Save", exact=True).click()
    link = page.get_by_label("Link", exact=True).input_value()
    page.context.clear_cookies()
    page.goto(link)
    expect(page.get_by_text("Bears")).to_be_visible()
    page.get_by_label("User name").fill("bjorn")
    page.locator("#id_password1").fill(OFFICERS_PASSWORD)
    page.locator("#id_password2").fill(OFFICERS_PASSWORD)
    page.get_by_role("button", name="Make my account").click()
    expect(page.get_by_text("You are an officer of")).to_be_visible()


def _find_nothing(page: Page, site: str, theirs: list[str]) -> None:
    """No address of the other guild is found, and no list names that guild."""
    expect(page.get_by_role("link", name="Coverage")).to_be_visible()
    kinds = {address.split("/")[5] for address in theirs if "/giftcodes/" in address}
    assert kinds >= {"guild", "member", "redemption", "memberredemption", "attempt"}
    foreign = [address for address in theirs if "/giftcode/" not in address]
    assert {address: page.request.get(address).status for address in foreign} == dict.fromkeys(
        foreign, 404
    )
    assert page.goto(foreign[0]).status == 404  # type: ignore[union-attr]
    for model in (
        "guild",
        "member",
        "redemption",
        "memberredemption",
        "attempt",
        "redemptionevent",
    ):
        page.goto(f"{site}/admin/giftcodes/{model}/")
        expect(page.locator("#content")).to_be_visible()
        expect(page.get_by_text("Wolves")).to_have_count(0)
