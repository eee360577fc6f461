"""A change by a person leaves a version; a change by the pipeline leaves none."""

from __future__ import annotations

from typing import Any

import pytest

from giftcodes.models import GiftCode, Guild, Member
from giftcodes.models.history import FIRST_KNOWN
from giftcodes.services.players import opt_in, opt_out
from tests.factories import gift_code, guild, member
from tests.pipeline.conftest import World

pytestmark = pytest.mark.django_db


def versions(row: Any, field: str) -> list[Any]:
    """The values of a field, oldest first."""
    return list(row.history.order_by("history_id").values_list(field, flat=True))


def test_the_value_before_the_first_change_of_a_bulk_written_row_is_a_version_too() -> None:
    wolves = guild(members=1)
    amber = wolves.members.get()
    amber.nickname = "Amber"
    amber.save(update_fields=["nickname"])
    amber.nickname = "Ash"
    amber.save(update_fields=["nickname"])

    assert versions(amber, "nickname") == ["", "Amber", "Ash"]
    assert versions(amber, "history_change_reason") == [FIRST_KNOWN, None, None]


def test_an_opt_out_and_its_end_are_versions() -> None:
    amber = member(guild())

    opt_out("simulator", amber.player_id)
    opt_out("simulator", amber.player_id)
    opt_in("simulator", amber.player_id)

    assert versions(amber, "opted_out") == [False, True, False]


def test_a_run_leaves_no_versions(world: World) -> None:
    wolves = guild(members=3)
    code = gift_code("FROST")
    closed = gift_code("GONE")
    world.knows(wolves)
    world.has(code)
    before = [model.history.count() for model in (Guild, Member, GiftCode)]

    for one in (code, closed):
        world.redeem(wolves, one)
        world.breathe()
        world.breathe()

    code.refresh_from_db()
    closed.refresh_from_db()
    assert code.proven_at
    assert closed.state == "closed"
    assert [model.history.count() for model in (Guild, Member, GiftCode)] == before
