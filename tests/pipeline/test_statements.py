"""What a member costs in statements: the same for the first and for the six hundredth."""

from __future__ import annotations

from giftcodes import tasks
from giftcodes.models import MemberRedemption
from tests.factories import gift_code, guild
from tests.pipeline.conftest import World, statements


def test_a_member_costs_four_statements(world: World) -> None:
    """Intent; the clock, the budget and the code; the answer; what follows."""
    wolves, code = guild(members=10), gift_code()
    world.knows(wolves)
    world.has(code)
    redemption = world.begin(wolves, code)
    first = world.claim(redemption)
    tasks.redeem_member(first.pk, first.token)
    second = world.claim(redemption)

    assert len(statements(lambda: tasks.redeem_member(second.pk, second.token))) == 4
    assert MemberRedemption.objects.get(pk=second.pk).state == "redeemed"


def test_a_run_costs_so_many_statements_for_each_member_whatever_its_size(world: World) -> None:
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
