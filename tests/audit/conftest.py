"""A healthy system with rows in every state, which each test breaks in one place."""

from __future__ import annotations

import pytest
from django.db import connection

from giftcodes.audit import audit
from giftcodes.models import Member, MemberRedemption
from giftcodes.pipeline import redeem as step
from tests.factories import gift_code, guild, member
from tests.pipeline.conftest import World, world

__all__ = ["World", "world"]

SHARED = "300000001"
STRANGER = "300000002"


def broken() -> set[str]:
    """The names of the invariants that do not hold, examined once."""
    return {finding.name for finding in audit().broken}


def sql(*statements: str) -> None:
    """Change the database as no code of ours would."""
    with connection.cursor() as cursor:
        # A change of the schema would be refused while checks of constraints are pending.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for statement in statements:
            cursor.execute(statement)
            assert cursor.rowcount != 0, f"changes nothing: {statement}"


@pytest.fixture
def healthy(world: World) -> World:
    """FROST is done, and ICE runs for both guilds.

    FROST was granted to two members of Wolves, the third is not eligible, and the game does not
    know the fourth. One of the two who have FROST is in Bears, too, and is covered there. For ICE,
    one member of Wolves is in flight, and all others wait.
    """
    wolves, bears = guild("Wolves", members=1), guild("Bears")
    low = member(wolves)
    member(wolves, SHARED)
    member(bears, SHARED)
    world.knows(wolves, bears)
    world.game.merge({"players": {low.player_id: {"level": 5}}})
    member(wolves, STRANGER)
    frost, ice = gift_code("FROST"), gift_code("ICE")
    world.has(frost, min_level=10)
    world.has(ice)
    world.redeem(wolves, frost)
    world.redeem(bears, frost)
    world.pass_time(300)
    # Now the stranger waits for ICE as the others do.
    Member.objects.update(refused_realm=None, refused_at=None)
    runs = [world.begin(of, ice) for of in (wolves, bears)]
    claim = world.claim(runs[0])
    assert claim.player_id != SHARED
    assert step.intend(claim.pk, claim.token) is not None
    states = sorted(MemberRedemption.objects.values_list("gift_code__code", "state"))
    assert states == [
        ("FROST", "already_received"),
        ("FROST", "needs_correction"),
        ("FROST", "not_eligible"),
        ("FROST", "redeemed"),
        ("FROST", "redeemed"),
        ("ICE", "in_flight"),
        *[("ICE", "pending")] * 4,
    ]
    assert broken() == set()
    return world


@pytest.fixture
def waiting(world: World) -> World:
    """A run whose members have been due for ten minutes, while no worker runs."""
    wolves = guild("Wolves", members=2)
    ice = gift_code("ICE")
    world.knows(wolves)
    world.has(ice)
    world.begin(wolves, ice)
    world.pass_time(600)
    return world
