"""A year with 200 codes, 300 players who join, move and leave, and five outages of the feed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from giftcodes.domain.transitions import OPEN, SETTLED, State, values
from giftcodes.models import Alarm, Member, MemberRedemption, Redemption
from tests.commands.conftest import run
from tests.pipeline.conftest import World, world
from tests.servers import autovacuum
from tests.year.clock import TravellingClock
from tests.year.life import Size, Year

__all__ = ["world"]

#: How often each event must happen in a year.
AT_LEAST = {
    "joined": 100,
    "leave": 50,
    "come back": 30,
    "move": 50,
    "second guild": 10,
    "correct": 10,
    "level": 50,
    "opt out": 2,
    "switched": 2,
    "feed was out": 5,
    "reissued": 2,
    "deleted": 5,
    "brought back": 1,
    "end set": 10,
    "paused": 1,
    "answer lost": 5,
    "claims lost": 5,
}


#: Each step is committed. In one long transaction, dead rows would never be vacuumed.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module", autouse=True)
def _autovacuum() -> Iterator[None]:
    """Without autovacuum, dead rows and the plans for empty tables would make each step slow."""
    with autovacuum():
        yield


@pytest.fixture
def clock(world: World) -> Iterator[TravellingClock]:
    with TravellingClock() as travelling:
        yield travelling


def lived(world: World, clock: TravellingClock, size: Size, seed: int) -> Year:
    """Run a year."""
    year = Year(world, clock, size, random.Random(seed))
    year.begin()
    year.live()
    print(
        f"{len(year.deserved)} deserved, {len(year.witnessed)} in all, {year.seen} requests; "
        f"{dict(year.happened)}"
    )
    return year


def nobody_was_forgotten(year: Year) -> None:
    ledger = year.world.game.ledger()
    granted = Counter(
        (grant["player"], grant["code"], grant["issue"]) for grant in ledger["grants"]
    )
    assert [claim for claim, number in granted.items() if number > 1] == []
    assert sorted(year.deserved - set(granted)) == []
    assert year.refused == []
    assert year.left_open == []
    rows = {
        (row.player_id, row.gift_code.code, row.gift_code.issue): row
        for row in MemberRedemption.objects.select_related("gift_code").order_by("settled_at")
    }
    for claim in year.witnessed:
        row = rows[claim]
        assert row.state not in OPEN, (claim, row.state)
        assert row.state in SETTLED or row.reason, (claim, row.state)
    assert not Redemption.objects.running().exists()
    assert not MemberRedemption.objects.filter(state__in=values(OPEN)).exists()


def the_audit_is_clean(year: Year) -> None:
    said = run(
        "audit", "--ledger", year.world.game.url, "--repeats-allowed", year.spoilt, "--at-once"
    )
    assert said.status == 0, said.out


def much_has_happened(year: Year, at_least: dict[str, int]) -> None:
    assert {
        what: year.happened[what] for what in at_least if year.happened[what] < at_least[what]
    } == {}
    states = Counter(MemberRedemption.objects.values_list("state", flat=True))
    assert {State.REDEEMED, State.ALREADY_RECEIVED, State.CANCELLED} <= set(states), states
    assert len(year.deserved) > len(year.levels)


@pytest.mark.parametrize("seed", [1])
def test_nobody_is_forgotten_in_a_month(world: World, clock: TravellingClock, seed: int) -> None:
    year = lived(world, clock, Size(days=24, codes=10, players=24, outages=1, changes=4), seed)

    nobody_was_forgotten(year)
    the_audit_is_clean(year)
    much_has_happened(year, {"joined": 5, "feed was out": 1})


@pytest.mark.long
@pytest.mark.parametrize("seed", [11])
def test_nobody_is_forgotten_in_a_year(world: World, clock: TravellingClock, seed: int) -> None:
    year = lived(world, clock, Size(days=365, codes=200, players=300, outages=5, changes=3), seed)

    nobody_was_forgotten(year)
    the_audit_is_clean(year)
    much_has_happened(
        year,
        AT_LEAST,
    )
    silent = Alarm.objects.filter(kind=Alarm.Kind.FEED_SILENT)
    assert silent.count() >= 5
    assert not silent.standing().exists()
    assert Member.objects.count() > 300
