"""The page for the wishes of players: opt-outs, the export of their data, and its erasure."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry

from giftcodes.models import Guild, Member, OptOut
from giftcodes.services.changes import words_of
from tests.admin import past
from tests.admin.conftest import Browser, TaskQueue
from tests.factories import gift_code, guild, member, member_redemption

PAGE = "/admin/player/"
ANNA = "300000001"
WHO = {"provider": "simulator", "player_id": ANNA}


@pytest.fixture
def wolves(db: None) -> Guild:
    wolves = guild("Wolves")
    member(wolves, ANNA, nickname="Anna")
    return wolves


def wish(browser: Browser, name: str = "", **more: Any) -> str:
    """Send the form. Returns the page that is shown."""
    with browser._committing(execute=True):
        page: str = browser.client.post(
            PAGE, {**WHO, "wish": name, **more}, follow=True
        ).content.decode()
    return page


def unmarked(page: str) -> str:
    """The page without the characters that keep a name apart from the text around it."""
    return page.replace("\u2068", "").replace("\u2069", "")


def test_looking_a_player_up_changes_nothing(browser: Browser, wolves: Guild) -> None:
    page = wish(browser)

    assert "<bdi>Wolves</bdi>: <bdi>Anna</bdi>" in page
    assert 'value="opt_out"' in page
    assert not OptOut.objects.exists()


def test_a_player_opts_out_and_in_again(
    browser: Browser, wolves: Guild, task_queue: TaskQueue
) -> None:
    assert "Codes are no longer redeemed for player" in wish(browser, "opt_out")
    assert Member.objects.get().opted_out
    assert 'value="opt_in"' in wish(browser)
    assert "Codes are redeemed for player" in wish(browser, "opt_in")
    assert not Member.objects.get().opted_out
    assert len(task_queue.arguments("catch_up")) == 2


def test_the_heading_says_whom_it_is_about_and_an_opted_out_player_is_not_called_active(
    browser: Browser, wolves: Guild
) -> None:
    assert "Opt-out and data of a player" in browser.client.get(PAGE).content.decode()
    page = wish(browser)
    assert f"Opt-out and data of Anna ({ANNA})" in unmarked(page)
    assert "<bdi>Anna</bdi> – active</li>" in page
    wish(browser, "opt_out")
    assert "<bdi>Anna</bdi> – opted out</li>" in wish(browser)


def test_a_player_who_is_in_no_guild_can_opt_out_beforehand(browser: Browser) -> None:
    assert "No data is kept about this player." in wish(browser)
    wish(browser, "opt_out")
    assert OptOut.objects.count() == 1


def test_the_data_of_a_player_is_exported_as_a_file(browser: Browser, wolves: Guild) -> None:
    response = browser.client.post(PAGE, {**WHO, "wish": "export"})

    assert response["Content-Type"] == "application/json"
    assert json.loads(response.content)["members"][0]["nickname"] == "Anna"


def test_a_player_is_erased_only_after_a_confirmation(browser: Browser, wolves: Guild) -> None:
    past.redemption()
    assert "Confirm that you are sure" in wish(browser, "erase")
    assert Member.objects.filter(player_id=ANNA).exists()

    assert "The player is erased" in wish(browser, "erase", sure="yes")

    assert not Member.objects.filter(player_id=ANNA).exists()
    assert wolves.members.get().player_id.startswith("erased-")
    page = browser.client.get("/admin/giftcodes/member/").content.decode()
    assert ANNA not in page


def test_the_log_says_what_was_done_and_names_no_player(browser: Browser, wolves: Guild) -> None:
    for name in ("opt_out", "export", "erase"):
        wish(browser, name, sure="yes")

    logged = [words_of(entry) for entry in LogEntry.objects.order_by("pk")]
    assert logged == ["Opted out.", "The player's data was exported.", "Erased."]
    assert ANNA not in str(list(LogEntry.objects.values()))


def test_what_changes_nothing_is_not_in_the_log(browser: Browser, wolves: Guild) -> None:
    for name in ("opt_in", "opt_out", "opt_out", "opt_in", "opt_in"):
        wish(browser, name)

    logged = [words_of(entry) for entry in LogEntry.objects.order_by("pk")]
    assert logged == ["Opted out.", "Opt-out taken back."]


def test_an_erasure_that_must_wait_logs_the_opt_out_and_writes_a_version_of_it(
    browser: Browser, wolves: Guild
) -> None:
    anna = wolves.members.get()
    member_redemption(anna, gift_code(), "in_flight")
    for _ in range(2):
        assert "nothing is erased yet" in wish(browser, "erase", sure="yes")

    assert [words_of(entry) for entry in LogEntry.objects.all()] == ["Opted out."]
    newest = anna.history.latest()  # type: ignore[attr-defined]
    assert (newest.opted_out, newest.history_user.get_username()) == (True, "admin")
    anna.refresh_from_db()
    assert (anna.player_id, anna.opted_out) == (ANNA, True)


@pytest.mark.parametrize("who", [{"player_id": "anna"}, {"provider": "chess"}, {"player_id": ""}])
def test_an_impossible_player_id_or_game_gets_a_clear_error(
    browser: Browser, who: dict[str, str]
) -> None:
    page = wish(browser, "opt_out", **who)

    assert "errorlist" in page
    assert not OptOut.objects.exists()


def test_a_member_s_page_leads_to_the_wishes_without_the_player_id_in_the_address(
    browser: Browser, wolves: Guild
) -> None:
    pk = wolves.members.get().pk
    assert f'href="{PAGE}?member={pk}"' in browser.open("member_change", pk).content.decode()
    assert f'value="{ANNA}"' in browser.client.get(PAGE, {"member": pk}).content.decode()
    assert browser.client.get(PAGE, {"member": "x"}).status_code == 200
    assert f'href="{PAGE}"' in browser.open("optout_changelist").content.decode()
