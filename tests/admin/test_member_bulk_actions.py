"""Moving members and setting their realm: the question, the preview, the result."""

from __future__ import annotations

from typing import Any

import pytest

from giftcodes.models import Guild, Member
from tests.admin.conftest import Browser, TaskQueue
from tests.factories import REALM, astray, gift_code, guild, member


@pytest.fixture
def wolves(db: None) -> Guild:
    return guild("Wolves")


def ask(browser: Browser, action: str, *members: Member, **more: Any) -> str:
    """Run an action that asks or shows something first. Returns the page."""
    data = {"action": action, "_selected_action": [one.pk for one in members], "index": 0, **more}
    response = browser.post("member_changelist", data=data)
    assert response.status_code == 200
    page: str = response.content.decode()
    return page


def test_a_move_asks_for_the_guild_then_shows_its_effects_and_then_is_done(
    browser: Browser, task_queue: TaskQueue, wolves: Guild
) -> None:
    amber, birch = (
        member(wolves, nickname="Amber"),
        member(wolves, nickname="Birch", opted_out=True),
    )
    bears, others = guild("Bears"), guild("Otters", provider="whiteout")

    page = ask(browser, "move", amber, birch)
    assert f'<option value="{bears.pk}">Bears</option>' in page
    assert str(others) not in page

    page = ask(browser, "move", amber, birch, guild=bears.pk, confirm="yes")
    assert "Would move: 1" in page
    assert f"{birch} has opted out" in page
    assert Member.objects.filter(guild=bears).count() == 0, "the move was only shown"

    messages = browser.press("move", amber, birch, guild=bears.pk, confirm="yes", shown="yes")
    assert messages == [
        ("success", "1 member moved to guild Bears."),
        ("warning", f"{birch} has opted out."),
    ]
    assert list(bears.members.values_list("nickname", "active")) == [("Amber", True)]
    assert not Member.objects.get(pk=amber.pk).active
    assert task_queue.arguments("catch_up") == [[[wolves.pk, bears.pk]]]


def test_without_another_guild_the_page_says_what_to_do(browser: Browser, wolves: Guild) -> None:
    page = ask(browser, "move", member(wolves))
    assert "This game has no other guild to move to. Add one first." in page
    assert 'name="confirm"' not in page


def test_a_realm_is_set_and_the_guild_s_own_realm_is_stored_as_none(
    browser: Browser, task_queue: TaskQueue, wolves: Guild
) -> None:
    amber, birch = member(wolves, nickname="Amber", realm=7), member(wolves, nickname="Birch")
    assert "Amber" in ask(browser, "set_realm", amber, birch)
    assert "a number of 1 to 6 digits" in ask(browser, "set_realm", amber, realm=10_000_000)

    messages = browser.press("set_realm", amber, birch, realm=str(REALM))

    assert messages == [
        ("success", f"{amber} is in State {REALM} now."),
        ("info", f"{birch} is in this state or kingdom already."),
    ]
    amber.refresh_from_db()
    assert amber.realm is None
    assert task_queue.arguments("catch_up") == [[[wolves.pk]]]


def test_a_correction_of_several_members_says_how_many_codes_are_asked_for_again(
    browser: Browser, wolves: Guild
) -> None:
    codes = [gift_code(), gift_code()]
    members = [astray(wolves, *codes), astray(wolves, codes[0]), member(wolves)]
    messages = browser.press("set_realm", *members, realm="1043")
    assert messages[-1] == ("success", "2 codes are asked for again for 2 members.")
    messages = browser.press("set_realm", members[1], realm="1044")
    assert messages[-1] == ("success", "1 code is asked for again.")
    messages = browser.press("set_realm", members[2], realm="1044")
    assert "asked for again" not in str(messages)


def test_an_empty_realm_means_the_realm_of_the_guild(browser: Browser, wolves: Guild) -> None:
    amber = member(wolves, realm=7)
    browser.press("set_realm", amber, realm="")
    amber.refresh_from_db()
    assert amber.realm is None


def test_members_become_inactive_after_a_page_that_says_what_it_means(
    browser: Browser, task_queue: TaskQueue, wolves: Guild
) -> None:
    amber = member(wolves, nickname="Amber")
    birch = member(wolves, nickname="Birch", active=False)

    page = ask(browser, "deactivate", amber, birch)
    assert "Would become inactive: 1" in page
    assert "Are inactive already: 1" in page
    assert "Codes are no longer redeemed for inactive members" in page
    assert "To undo it, choose the same members and “Make active”" in page
    amber.refresh_from_db()
    assert amber.active, "it was only shown"

    messages = browser.press("deactivate", amber, birch, shown="yes")
    assert messages[0] == (
        "success",
        f"{amber} is inactive now. Nothing was deleted: the history stays.",
    )
    assert not wolves.members.eligible().exists()
    assert 'name="confirm"' not in ask(browser, "deactivate", amber, birch)


@pytest.mark.parametrize("page", ["member_changelist", "guild_members"])
def test_both_lists_of_members_offer_to_make_members_inactive(
    browser: Browser, wolves: Guild, page: str
) -> None:
    member(wolves)
    shown = browser.open(page, *([wolves.pk] if page == "guild_members" else []))
    assert '<option value="deactivate">Make inactive …</option>' in shown.content.decode()
