"""Alarms about guilds that get nothing from a code, and about members whom nobody corrects."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F

from giftcodes import tasks
from giftcodes.models import Alarm, GiftCode, Guild, Member, Redemption
from giftcodes.notifications.causes import PATIENCE
from giftcodes.queries import scope
from tests.factories import REALM, gift_code, guild, member
from tests.pipeline.conftest import World

DAY = 86_400.0


def evaluate_for(minutes: int) -> None:
    """Evaluate the alarms, let the suspicions become older, and evaluate again."""
    tasks.alarms()
    Alarm.objects.update(suspected_at=F("suspected_at") - timedelta(minutes=minutes))
    tasks.alarms()


def standing() -> list[tuple[str, str]]:
    """The standing alarms of the kinds "unserved" and "uncorrected"."""
    found = Alarm.objects.standing().filter(kind__in=["unserved", "uncorrected"])
    return list(found.order_by("kind").values_list("kind", "subject"))


def play(world: World, code: GiftCode, *guilds: Guild) -> None:
    """Redeem the code for each guild, until nothing is left to do at once."""
    for one in guilds:
        world.redeem(one, code)
    for _ in range(3):
        world.breathe()


@pytest.fixture
def wolves(world: World) -> Guild:
    """A guild whose players the game knows."""
    row = guild("Wolves", members=2)
    world.knows(row)
    return row


@pytest.fixture
def bears(world: World) -> Guild:
    """A guild whose player IDs are all wrong."""
    return guild("Bears", members=3)


# --- A guild gets nothing -------------------------------------------------------------------------
def test_a_guild_that_gets_nothing_from_a_code_that_others_got_is_an_alarm_until_one_member_has_it(
    world: World, wolves: Guild, bears: Guild
) -> None:
    code = gift_code("FROST")
    world.has(code)
    play(world, code, wolves, bears)

    evaluate_for(29)
    assert standing() == []
    evaluate_for(2)
    assert standing() == [("unserved", str(bears.pk))]
    message = Alarm.objects.get().message
    assert "No member of guild Bears got code FROST" in message
    assert "Wolves" not in message

    player = bears.members.order_by("pk")[0]
    world.game.merge({"players": {player.player_id: {"realm": REALM + 1}}})
    Member.objects.filter(pk=player.pk).update(realm=REALM + 1)
    evaluate_for(60)
    assert standing() == [("unserved", str(bears.pk))]  # A correction alone proves nothing.

    world.catch_up()
    for _ in range(3):
        world.breathe()
    assert Redemption.objects.get(guild=bears).tally()["redeemed"] == 1  # type: ignore[index]
    evaluate_for(60)
    assert standing() == []
    assert Alarm.objects.count() == 1


def test_several_codes_are_one_alarm_that_names_them(
    world: World, wolves: Guild, bears: Guild
) -> None:
    for name in ("FROST", "SNOW"):
        code = gift_code(name)
        world.has(code)
        play(world, code, wolves, bears)
        evaluate_for(40)

    assert standing() == [("unserved", str(bears.pk))]
    assert "the codes SNOW, FROST" in Alarm.objects.get().message


def test_the_end_of_the_code_does_not_end_the_alarm_but_a_later_code_does(
    world: World, wolves: Guild, bears: Guild
) -> None:
    code = gift_code("FROST")
    world.has(code)
    play(world, code, wolves, bears)
    evaluate_for(40)
    GiftCode.objects.update(state="closed", closed_at=F("first_seen_at"))

    evaluate_for(40)
    assert standing() == [("unserved", str(bears.pk))]

    world.knows(bears)
    Member.objects.filter(guild=bears).update(refused_at=None, refused_realm=None)
    later = gift_code("SNOW")
    world.has(later)
    play(world, later, bears)
    evaluate_for(40)
    assert standing() == []


def test_a_code_that_ended_more_than_a_week_ago_no_longer_causes_the_alarm(
    world: World, wolves: Guild, bears: Guild
) -> None:
    code = gift_code("FROST")
    world.has(code)
    play(world, code, wolves, bears)
    evaluate_for(40)
    GiftCode.objects.update(state="closed", closed_at=F("first_seen_at") - timedelta(days=8))

    evaluate_for(0)

    assert standing() == []


@pytest.mark.parametrize("others_have_it", [True, False])
def test_a_guild_that_gets_nothing_is_an_alarm_only_if_another_guild_got_the_code(
    world: World, wolves: Guild, bears: Guild, others_have_it: bool
) -> None:
    code = gift_code("FROST")
    world.has(code)
    play(world, code, bears, *([wolves] if others_have_it else []))

    evaluate_for(40)

    assert bool(standing()) == others_have_it


def test_a_guild_whose_members_are_not_eligible_is_no_alarm(world: World, wolves: Guild) -> None:
    low = guild("Low", members=3)
    world.knows(low, level=1)
    member(low)  # One unknown player among known ones.
    code = gift_code("FROST")
    world.has(code, min_level=9)
    play(world, code, wolves, low)

    evaluate_for(40)

    assert standing() == []


def test_a_guild_whose_turn_has_not_come_is_no_alarm(
    world: World, wolves: Guild, bears: Guild
) -> None:
    code = gift_code("FROST")
    world.has(code)
    play(world, code, wolves)
    redemption = world.begin(bears, code)
    first = redemption.member_redemptions.order_by("pk")[0]
    redemption.member_redemptions.filter(pk=first.pk).update(
        state="needs_correction", outcome="wrong_realm"
    )

    evaluate_for(40)

    assert standing() == []


# --- Members whom nobody corrects -----------------------------------------------------------------
def _marked(wolves: Guild, world: World, *, strangers: int) -> None:
    for _ in range(strangers):
        member(wolves)
    code = gift_code("FROST")
    world.has(code)
    play(world, code, wolves)


def test_members_who_need_a_correction_for_three_days_are_one_alarm_with_their_number(
    world: World, wolves: Guild
) -> None:
    _marked(wolves, world, strangers=2)

    world.pass_time(2.9 * DAY)
    tasks.alarms()
    assert standing() == []
    world.pass_time(0.2 * DAY)
    tasks.alarms()
    tasks.alarms()

    assert standing() == [("uncorrected", str(wolves.pk))]
    assert "has not known 2 members of guild Wolves for 3 days" in Alarm.objects.get().message


def test_the_number_in_the_alarm_is_kept_up_to_date_and_the_alarm_ends_when_it_is_0(
    world: World, wolves: Guild
) -> None:
    _marked(wolves, world, strangers=2)
    world.pass_time(4 * DAY)
    tasks.alarms()
    first, second = Member.objects.needing_correction().order_by("pk")

    Member.objects.filter(pk=first.pk).update(realm=REALM + 1)
    tasks.alarms()
    assert "has not known 1 member of guild Wolves" in Alarm.objects.standing().get().message

    Member.objects.filter(pk=second.pk).update(active=False)
    tasks.alarms()
    assert standing() == []
    assert Alarm.objects.count() == 1


def test_another_wrong_realm_does_not_restart_the_three_days(world: World, wolves: Guild) -> None:
    _marked(wolves, world, strangers=1)
    (stranger,) = Member.objects.needing_correction()
    since = stranger.refused_since
    world.pass_time(2 * DAY)
    Member.objects.filter(pk=stranger.pk).update(realm=REALM + 1)
    world.catch_up()
    for _ in range(3):
        world.breathe()

    stranger.refresh_from_db()
    assert (stranger.refused_realm, since is not None) == (REALM + 1, True)
    world.pass_time(1.1 * DAY)
    tasks.alarms()
    assert standing() == [("uncorrected", str(wolves.pk))]


def test_a_member_whom_the_game_knows_again_is_not_marked_any_more(
    world: World, wolves: Guild
) -> None:
    _marked(wolves, world, strangers=1)
    (stranger,) = Member.objects.needing_correction()
    world.game.merge({"players": {stranger.player_id: {"realm": REALM + 1}}})
    Member.objects.filter(pk=stranger.pk).update(realm=REALM + 1)
    world.catch_up()
    for _ in range(3):
        world.breathe()

    stranger.refresh_from_db()
    assert (stranger.refused_realm, stranger.refused_at, stranger.refused_since) == (None,) * 3


# --- Who sees these alarms ------------------------------------------------------------------------
def test_officers_see_these_alarms_of_their_own_guilds(world: World, bears: Guild) -> None:
    officer = User.objects.create_user("officer", is_staff=True)
    bears.officers.add(officer)
    other = guild()
    for kind in ("unserved", "uncorrected"):
        for one in (bears, other):
            Alarm.objects.raise_once(kind, str(one.pk), "Wrong.")

    seen = scope.visible(Alarm.objects.all(), officer)

    assert set(seen.values_list("subject", flat=True)) == {str(bears.pk)}
    assert seen.count() == 2


@pytest.mark.parametrize("kind", [Alarm.Kind.UNSERVED, Alarm.Kind.UNCORRECTED])
def test_each_of_these_alarms_has_a_time_until_it_is_raised(kind: Any) -> None:
    assert kind in PATIENCE
