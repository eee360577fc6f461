"""`find_again` counts exactly the codes that catch-up tries again after a correction."""

from __future__ import annotations

import pytest

from giftcodes.models import Member, Redemption
from giftcodes.pipeline.catch_up import Again, find_again, find_behind
from tests.factories import astray, gift_code, guild

pytestmark = pytest.mark.django_db


def test_the_codes_that_a_correction_reopens_are_counted_as_catch_up_finds_them() -> None:
    wolves = guild("Wolves")
    codes = [gift_code(), gift_code(), gift_code(state="closed"), gift_code()]
    ann, bea = astray(wolves, *codes), astray(wolves, codes[0])
    Redemption.objects.filter(gift_code=codes[3]).update(state="stopped")
    assert find_again([ann.pk, bea.pk]) == Again(codes=0, members=0)

    Member.objects.filter(pk=ann.pk).update(realm=1043)

    assert find_again([ann.pk, bea.pk]) == Again(codes=2, members=1)
    assert find_behind([wolves.pk]) == [
        *((wolves.pk, code.pk) for code in codes[:2]),
    ]

    Member.objects.filter(pk=bea.pk).update(realm=1043)

    assert find_again([ann.pk, bea.pk]) == Again(codes=2, members=2), "each code counts once"


@pytest.mark.parametrize("of", ["member", "guild"])
def test_nothing_is_asked_again_for_an_inactive_member_or_guild(of: str) -> None:
    ann = astray(guild(), gift_code())
    Member.objects.filter(pk=ann.pk).update(realm=1043, active=of != "member")
    ann.guild.active = of != "guild"
    ann.guild.save()
    assert find_again([ann.pk]) == Again(codes=0, members=0)
