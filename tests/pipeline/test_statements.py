"""How many SQL statements a member costs: in a large run no more than in a small one."""

from __future__ import annotations

from giftcodes import tasks
from giftcodes.models import MemberRedemption
from tests.factories import gift_code, guild
from tests.pipeline.conftest import World, statements


def test_a_member_costs_three_statements(world: World) -> None:
    """Write the intent, record the answer, and find what comes next."""
    redemption = world.begin_proven(members=10)
    second = world.claim(redemption)

    assert len(statements(lambda: tasks.redeem_member(second.pk, second.token))) == 3
    assert MemberRedemption.objects.get(pk=second.pk).state == "redeemed"


def test_a_run_costs_at_most_eight_statements_for_each_further_member(world: World) -> None:
    def cost(members: int) -> int:
        wolves, code = guild(members=members), gift_code()
        world.knows(wolves)
        world.has(code)
        seen = statements(lambda: world.redeem(wolves, code))
        assert set(
            MemberRedemption.objects.filter(gift_code=code).values_list("state", flat=True)
        ) == {"redeemed"}
        return len(seen)

    cost(2)
    small, large = cost(40), cost(120)

    assert (large - small) / 80 <= 8
