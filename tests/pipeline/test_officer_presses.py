"""How often an officer can have the game asked again for the same members."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from giftcodes import tasks
from giftcodes.estimates.cost_preview import preview
from giftcodes.estimates.dry_run import plan
from giftcodes.models import (
    Attempt,
    GiftCode,
    Guild,
    Member,
    MemberRedemption,
    Redemption,
    Trigger,
)
from giftcodes.pipeline.start_or_refuse import StartKind, StartResult, start
from tests.factories import gift_code, guild, member, member_redemption
from tests.pipeline.conftest import World, states


@pytest.fixture
def wolves(world: World) -> Guild:
    """A guild of which the game knows no member."""
    wolves = guild("Wolves", members=3)
    wolves.officers.add(User.objects.create_user("amber"))
    return wolves


def press(world: World, of: Guild, code: GiftCode, user: User) -> StartResult:
    """“Redeem now”, until nothing more is asked."""
    result = start(guild_id=of.pk, gift_code_id=code.pk, trigger=Trigger.ADMIN, user_id=user.pk)
    for _ in range(3):
        world.pass_time(20)
        world.tick()
        world.sweep()
    return result


def test_an_officer_does_not_have_unknown_members_asked_for_again_and_again(
    world: World, wolves: Guild
) -> None:
    officer, codes = wolves.officers.get(), [gift_code(), gift_code()]
    for code in [*codes, *codes, *codes]:
        world.has(code)
        press(world, wolves, code, officer)

    assert len(world.requests) == 3

    administrator = User.objects.create_user("root", is_superuser=True)
    press(world, wolves, codes[0], administrator)
    assert len(world.requests) == 6


def test_the_press_asks_again_when_the_member_was_corrected(world: World, wolves: Guild) -> None:
    officer, code = wolves.officers.get(), gift_code()
    world.has(code)
    press(world, wolves, code, officer)
    world.knows(wolves, realm=77)
    Member.objects.update(realm=77)

    press(world, wolves, code, officer)

    assert len(world.grants) == 3


def test_the_previews_of_an_officer_count_only_what_the_press_asks_for(
    world: World, wolves: Guild
) -> None:
    code = gift_code()
    world.has(code)
    press(world, wolves, code, wolves.officers.get())
    names = {"guild_id": wolves.pk, "gift_code_id": code.pk}

    assert preview(**names).requests == 3
    assert preview(**names, seen=[names["guild_id"]]).requests == 0
    assert [one.is_asked for one in plan(**names)] == [True] * 3
    planned = plan(**names, names_guilds=False)
    assert [one.is_asked for one in planned] == [False] * 3
    assert "waits for correction" in planned[0].words


def asked_before(of: Guild, code: GiftCode, state: str, *, times: int) -> None:
    later = timezone.now() + timedelta(hours=23)
    stopped = {"cancel_kind": "stopped", "next_attempt_at": None}
    fields = stopped if state == "cancelled" else {"next_attempt_at": later}
    row = member_redemption(member(of), code, state, **fields)
    Attempt.objects.bulk_create(
        Attempt(
            member_redemption=row,
            gift_code=code,
            player_id=row.player_id,
            realm=of.realm,
            token=1_000 + n,
            outcome="unanswered",
        )
        for n in range(times)
    )


@pytest.mark.parametrize(
    ("state", "times", "is_again"),
    [
        ("failed", 5, True),
        ("failed", 6, False),
        ("not_eligible", 1, True),
        ("not_eligible", 2, False),
        ("cancelled", 5, True),
        ("cancelled", 6, False),
    ],
)
def test_an_officer_s_press_repeats_a_request_about_once_a_day(
    world: World, state: str, times: int, is_again: bool
) -> None:
    own, code = guild("Wolves"), gift_code()
    officer = User.objects.create_user("amber")
    asked_before(own, code, state, times=times)

    def again() -> StartResult:
        return start(
            guild_id=own.pk, gift_code_id=code.pk, trigger=Trigger.ADMIN, user_id=officer.pk
        )

    redemption = Redemption.objects.get()
    if is_again:
        assert again().kind is StartKind.STARTED
        assert set(states(redemption).values()) == {"pending"}
        return
    assert preview(guild_id=own.pk, gift_code_id=code.pk, seen=[own.pk]).requests == 0
    assert again().kind is StartKind.NOTHING_TO_DO
    assert set(states(redemption).values()) == {state}
    world.pass_time(86_401)
    assert again().kind is StartKind.STARTED


def test_the_limit_of_an_officer_s_press_also_holds_for_catch_up(world: World) -> None:
    own, code = guild("Wolves"), gift_code()
    officer = User.objects.create_user("amber")
    asked_before(own, code, "cancelled", times=6)
    member(own)

    start(guild_id=own.pk, gift_code_id=code.pk, trigger=Trigger.ADMIN, user_id=officer.pk)
    world.catch_up()

    row = MemberRedemption.objects.get(attempts__token=1_000)
    assert (row.state, row.cancel_kind) == ("cancelled", "stopped")


def test_a_new_code_of_a_person_does_not_ask_again_for_unknown_members(
    world: World, wolves: Guild
) -> None:
    officer, first = wolves.officers.get(), gift_code()
    world.has(first)
    press(world, wolves, first, officer)
    number = len(world.requests)

    code = gift_code()
    world.ring(tasks.fan_out, code.pk, Trigger.ADMIN)
    world.drain()

    assert len(world.requests) == number
