"""The page that says what "Redeem now" would do, member by member."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from giftcodes.domain.sentences import Sentence
from giftcodes.models import GiftCode, Guild, MemberRedemption, Redemption
from tests.admin.conftest import Browser
from tests.factories import gift_code, guild, member, member_redemption

PAGE = "/admin/plan/"


@pytest.fixture
def wolves(db: None) -> Guild:
    wolves = guild("Wolves")
    member(wolves, "300000001", nickname="Anna")
    member(wolves, "300000002", nickname="Bram", opted_out=True)
    member(wolves, "300000003", nickname="Cleo", active=False)
    return wolves


@pytest.fixture
def frost(db: None) -> GiftCode:
    return gift_code("FROST")


def test_the_page_says_for_each_member_what_would_happen_or_why_nothing_would(
    browser: Browser, wolves: Guild, frost: GiftCode
) -> None:
    member(wolves, "300000004", nickname="Dora")
    young = member(wolves, "300000005", nickname="Ed")
    reason = Sentence.of("account_too_young")
    parked = member_redemption(young, frost, "not_eligible", reason=reason)
    bears = guild("Bears")
    run = Redemption.objects.create(guild=bears, gift_code=frost)
    known = member(bears, "300000004")
    MemberRedemption.objects.create(
        redemption=run, member=known, gift_code=frost, player_id=known.player_id, state="redeemed"
    )

    page = browser.client.get(PAGE, {"guild": wolves.pk, "code": frost.pk}).content.decode()

    assert "Code FROST for guild Wolves, member by member" in page
    for words in (
        "for the first time",
        "has opted out",
        "has left the guild",
        "has the code through guild Bears",
        "once more: The player&#x27;s account is too young for this code.",
    ):
        assert words in page
    parked.refresh_from_db()
    assert parked.state == "not_eligible", "looking changes nothing"


def test_an_obstacle_is_named(browser: Browser, wolves: Guild) -> None:
    closed = gift_code("OLD", state="closed", reason="The code is over.")
    Guild.objects.filter(pk=wolves.pk).update(active=False)

    page = browser.client.get(PAGE, {"guild": wolves.pk, "code": closed.pk}).content.decode()

    assert "Guild Wolves is inactive." in page
    assert "The code is over." in page


@pytest.mark.parametrize(
    "asked", [{}, {"guild": "x"}, {"guild": "0", "code": "0"}, {"guild": "9" * 30}]
)
def test_a_guild_or_a_code_that_does_not_exist_is_not_found(
    browser: Browser, asked: dict[str, str]
) -> None:
    assert browser.client.get(PAGE, asked).status_code == 404


def test_a_code_of_another_game_is_not_found(browser: Browser, wolves: Guild) -> None:
    strange = gift_code(provider="kingshot")
    assert browser.client.get(PAGE, {"guild": wolves.pk, "code": strange.pk}).status_code == 404


def test_the_page_takes_as_many_queries_for_many_members_as_for_few(
    browser: Browser, wolves: Guild, frost: GiftCode
) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.client.get(PAGE, {"guild": wolves.pk, "code": frost.pk})
        return len(queries)

    few = cost()
    for _ in range(30):
        member(wolves)
    assert cost() == few
