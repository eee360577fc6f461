"""`audit`: a healthy state is clean, and each invariant that is broken is named."""

from __future__ import annotations

from tests.commands.conftest import World, run
from tests.factories import gift_code, guild


def test_a_whole_run_is_clean_beside_the_ledger(world: World) -> None:
    wolves = guild(members=5)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    world.redeem(wolves, code)
    for _ in range(3):
        world.breathe()

    said = run("audit", "--ledger", world.game.url)

    assert said.status == 0, said.out
    assert "Ledger: 5 requests, 5 grants, 0 repeats." in said.lines
