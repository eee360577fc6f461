"""A person in a real Chromium, before the whole system: log in, see a run through, find who is left, press twice."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from redeemer.embedded import ports
from tests.system.machinery import System, system, wait_for

MEMBERS = [str(player) for player in range(310, 334)]
#: Two who are in another realm, so that the game refuses them.
ASTRAY = MEMBERS[:2]
PASSWORD = "only-for-this-test"
#: A run of 24 members takes more than ten seconds at this rate, and none takes less than one: long enough to look at.
RATE = "5/2"
PATIENCE_MS = 60_000

pytestmark = pytest.mark.system


@pytest.fixture
def running(tmp_path: Path) -> Iterator[System]:
    """Simulator, workers, beat and web server, with a guild that redeems only when asked."""
    with system(tmp_path, WHITEOUT_SALT="story-salt", SIMULATOR_SALT="story-salt", WHITEOUT_RATE=RATE) as running:
        running.environment |= {"SIMULATOR_API_URL": ""}
        running.start_game("--rate", RATE, "--latency", "1")
        running.environment |= {"WHITEOUT_API_URL": f"{running.game_url}/api/gift_code"}
        players = {player: {"realm": 77 if player in ASTRAY else 1042} for player in MEMBERS}
        running.world(players=players, codes={"FROST2026": {}})
        listing = tmp_path / "members.txt"
        listing.write_text("\n".join(MEMBERS))
        running.manage("add_guild", "Wolves", "--provider", "whiteout", "--realm", "1042")
        running.manage("import_members", str(listing), "--guild", "Wolves")
        running.environment |= {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
        running.manage("createsuperuser", "--noinput", "--username", "leader", "--email", "leader@example.com")
        running.start_workers()
        yield running


@pytest.fixture
def site(running: System) -> str:
    """The address of the web server."""
    url = f"http://127.0.0.1:{ports.pick()}"
    bind = url.removeprefix("http://")
    command = [sys.executable, "-m", "gunicorn", "redeemer.wsgi", "--bind", bind, "--threads", "4"]
    running.launch("web", [*command, "--no-control-socket"])
    wait_for(lambda: _answers(url), "the web server", seconds=30)
    return url


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/admin/login/", timeout=2).status_code == 200
    except requests.ConnectionError:
        return False


def test_a_leader_adds_a_code_sees_it_through_and_presses_redeem_now_twice(page: Page, site: str) -> None:
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)

    page.goto(site)
    page.get_by_label("Username").fill("leader")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator('[aria-current="step"]')).to_contain_text("Wait for a code, or add one")

    page.get_by_role("link", name="Wait for a code, or add one").click()
    page.get_by_label("Code").first.fill("FROST2026")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("is redeemed now for 24 members in 1 guild")).to_be_visible()

    _see_it_through_on_the_dashboard(page, site)
    _find_who_is_left(page, site)
    _press_redeem_now_twice(page, site)


def _see_it_through_on_the_dashboard(page: Page, site: str) -> None:
    """The bar moves, and the run goes, while the page is never loaded again."""
    page.goto(f"{site}/admin/")
    page.evaluate("window.neverReloaded = true")
    bar = page.get_by_role("progressbar", name="Progress of FROST2026 for Wolves")
    expect(bar).to_be_visible()
    page.wait_for_function("document.querySelector('.runs progress')?.value >= 5")
    early = page.evaluate("document.querySelector('.runs progress').value")
    page.wait_for_function(f"document.querySelector('.runs progress')?.value > {early}")
    expect(page.get_by_text("Nothing runs just now.")).to_be_visible()
    expect(page.get_by_text("First steps")).to_have_count(0)
    assert page.evaluate("window.neverReloaded") is True


def _find_who_is_left(page: Page, site: str) -> None:
    page.get_by_role("link", name="Coverage").click()
    expect(page.locator(".cell-redeemed:not(.key)")).to_have_count(len(MEMBERS) - len(ASTRAY))
    left = page.locator(".cell-needs_correction:not(.key) a")
    expect(left).to_have_count(len(ASTRAY))
    assert "Player ID and realm do not belong together" in str(left.first.get_attribute("aria-label"))
    page.get_by_label("Members").select_option("with something left")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".matrix tbody tr")).to_have_count(len(ASTRAY))


def _press_redeem_now_twice(page: Page, site: str) -> None:
    """The game is slow to answer for the two who are left: the second press meets the first one's run."""
    page.locator(".matrix thead a").first.click()
    page.get_by_role("button", name="Redeem now").click()
    expect(page.get_by_text("Started for guild Wolves with code FROST2026.")).to_be_visible()
    page.get_by_role("button", name="Redeem now").click()
    expect(page.get_by_text("already in progress for guild Wolves with code FROST2026").first).to_be_visible()
    page.evaluate("window.neverReloaded = true")
    expect(page.locator(".timeline .event-refused")).to_have_count(1)
    expect(page.locator('[data-part="state"] .badge-complete')).to_be_visible()
    expect(page.locator(".timeline li").first).to_contain_text("unlocked")
    assert page.evaluate("window.neverReloaded") is True
