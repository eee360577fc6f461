"""From an empty system to the first redeemed code, in a browser alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.real_system import PASSWORD, add_leader, serve
from tests.system.machinery import System, system

MEMBERS = [str(player) for player in range(310_000_000, 310_000_005)]
SALT = "a-salt-that-only-a-person-knows"
FEED_KEY = "a-key-that-only-a-person-knows"
PATIENCE_MS = 60_000

pytestmark = pytest.mark.system


@pytest.fixture
def running(tmp_path: Path) -> Iterator[System]:
    """Workers and beat that are connected to no game, and a simulated game to connect."""
    with system(tmp_path, WHITEOUT_SALT="", GAME_PRIVATE_HOSTS="127.0.0.1") as running:
        own = running.environment
        running.environment = {**own, "SIMULATOR_SALT": SALT, "SIMULATOR_FEED_KEY": FEED_KEY}
        running.start_game("--rate", "30/2", "--latency", "0.1")
        running.environment = own
        running.world(
            players={player: {"realm": 1042} for player in MEMBERS}, codes={"FROST2026": {}}
        )
        add_leader(running)
        running.start_workers()
        yield running


@pytest.fixture
def site(running: System) -> str:
    """The address of the web server."""
    return serve(running)


def test_from_nothing_to_the_first_code_without_a_terminal_and_without_a_restart(
    page: Page, site: str, running: System
) -> None:
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    _log_in(page, site)

    _connect_with_a_wrong_salt_first(page, running)
    _add_a_guild_and_its_members(page)
    _add_a_code_and_see_it_redeemed(page, site)

    processes = [name for name, child in running.processes.items() if child.poll() is not None]
    assert processes == []
    texts = [running.log(name) for name in ("web", "control", "redeem", "beat")]
    assert not [secret for secret in (SALT, FEED_KEY) for text in texts if secret in text]


def _log_in(page: Page, site: str) -> None:
    page.goto(site)
    page.get_by_label("Username").fill("leader")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def _connect_with_a_wrong_salt_first(page: Page, running: System) -> None:
    expect(page.locator('[aria-current="step"]')).to_contain_text("Connect a game")
    page.locator('[aria-current="step"]').get_by_role("link").click()
    page.locator("#content").get_by_role("link", name="Whiteout Survival").click()
    expect(page.get_by_text("It has no salt")).to_be_visible()

    page.get_by_label("Salt").fill("mistyped")
    page.get_by_text("If the game has moved, or is a simulator").click()
    page.get_by_label("Address of the game").fill(running.game_url)
    page.get_by_role("button", name="Save and test").click()
    expect(page.get_by_text(f"Did you mean {running.game_url}/api/gift_code?")).to_be_visible()

    page.get_by_label("Salt").fill("mistyped")
    page.get_by_label("Address of the game").fill(f"{running.game_url}/api/gift_code")
    page.get_by_label("Address of the feed").fill(f"{running.game_url}/feed")
    page.get_by_label("API key of the feed").fill(FEED_KEY)
    page.get_by_role("button", name="Save and test").click()
    expect(page.locator(".findings")).to_contain_text("the salt is wrong, or has changed")
    expect(page.locator('[data-part="connection"]')).to_contain_text("Cannot be used")

    page.get_by_label("Salt").fill(SALT)
    page.get_by_role("button", name="Save and test").click()
    expect(page.locator('[data-part="connection"]')).to_contain_text("Connected")
    expect(page.locator(".findings")).to_contain_text("the salt is right")
    assert SALT not in page.content()
    assert FEED_KEY not in page.content()


def _add_a_guild_and_its_members(page: Page) -> None:
    page.get_by_role("link", name="Next: add a guild").click()
    page.get_by_label("Name").fill("Wolves")
    page.get_by_label("Game").select_option("Whiteout Survival")
    page.get_by_label("State").fill("1042")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator("#content, .messages").get_by_role("link", name="Paste a member list").click()
    page.get_by_label("The list").fill("\n".join(MEMBERS))
    page.get_by_role("button", name="Review").click()
    page.get_by_role("button", name=f"Import {len(MEMBERS)} members").first.click()
    expect(page.get_by_text(f"Imported {len(MEMBERS)}")).to_be_visible()


def _add_a_code_and_see_it_redeemed(page: Page, site: str) -> None:
    page.goto(f"{site}/admin/")
    page.get_by_role("link", name="Wait for a code, or add one").click()
    page.get_by_label("Code").first.fill("FROST2026")
    page.get_by_label("Game").select_option("Whiteout Survival")
    page.get_by_role("button", name="Save", exact=True).click()
    page.goto(f"{site}/admin/")
    expect(page.get_by_text("First steps")).to_have_count(0)
    served = f"{len(MEMBERS)} of {len(MEMBERS)} have it"
    expect(page.get_by_text(served).locator("visible=true").first).to_be_visible()
    page.get_by_role("link", name="Coverage").click()
    expect(page.locator(".cell-redeemed:not(.key)")).to_have_count(len(MEMBERS))
