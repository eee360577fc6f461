"""An officer's code is asked for only in the guilds of that officer until the code is proven."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from giftcodes import tasks
from giftcodes.models import GiftCode, Guild, Redemption, Source, database_now
from giftcodes.models.trial import trials
from giftcodes.pipeline.catch_up import find_behind
from tests.factories import gift_code, guild
from tests.pipeline.conftest import World


@pytest.fixture
def own(world: World) -> Guild:
    """The guild of an officer. There is another guild, too."""
    guild(members=1)
    own = guild(members=1)
    own.officers.add(User.objects.create_user("amber"))
    return own


def added_by(user: User | None, **fields: Any) -> GiftCode:
    code = gift_code(source=Source.ADMIN, **fields)
    GiftCode.history.filter(id=code.pk).update(history_user=user)
    return code


def asked_in(code: GiftCode) -> set[int]:
    tasks.fan_out(code.pk)
    tasks.catch_up()
    return set(Redemption.objects.filter(gift_code=code).values_list("guild", flat=True))


def everywhere() -> set[int]:
    return set(Guild.objects.values_list("pk", flat=True))


def test_an_officer_s_code_goes_to_all_guilds_when_it_is_proven(own: Guild) -> None:
    code = added_by(own.officers.get())
    assert trials() == {code.pk: [own.pk]}
    assert asked_in(code) == {own.pk}
    assert find_behind() == []

    GiftCode.objects.filter(pk=code.pk).update(proven_at=database_now())

    assert len(find_behind()) == 1
    tasks.catch_up()
    assert asked_in(code) == everywhere()


def test_a_code_that_a_feed_has_too_goes_to_all_guilds(own: Guild) -> None:
    code = added_by(own.officers.get(), last_seen_at=database_now())
    assert asked_in(code) == everywhere()


@pytest.mark.parametrize("adder", ["superuser", "former superuser", "permission", "nobody"])
def test_the_code_of_an_administrator_goes_to_all_guilds(own: Guild, adder: str) -> None:
    user = None
    if adder != "nobody":
        user = User.objects.create_user(
            "root", is_superuser="superuser" in adder, is_active=not adder.startswith("former")
        )
    if user and adder == "permission":
        user.user_permissions.add(Permission.objects.get(codename="view_every_guild"))
    assert asked_in(added_by(user)) == everywhere()


def test_the_code_of_an_officer_who_left_waits_for_a_person_or_a_feed(own: Guild) -> None:
    code = added_by(own.officers.get())
    own.officers.clear()
    assert asked_in(code) == set()
