"""What a directory of players changes, and what follows from its failures, with a real server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F

from giftcodes import tasks
from giftcodes.models import Alarm, Directory, DirectoryLookup, Member, database_now
from giftcodes.pipeline.directory import GameAnswers, Named, takes_realm
from tests.factories import REALM, gift_code, guild, member
from tests.pipeline.conftest import World
from tests.pipeline.directory_service import (
    AWAY,
    KEY,
    Service,
    agreed,
    configure,
    later,
    look,
    reasons,
    refused,
    world_config,
)


# --- What it changes ------------------------------------------------------------------------------
def test_a_realm_that_the_game_refused_is_corrected_and_catch_up_asks_again_at_once(
    world: World, service: Service
) -> None:
    anna = refused(world, service)
    code = gift_code("SNOW")
    world.has(code)
    tasks.redeem(anna.guild_id, code.pk, "admin")
    world.rings.clear()

    look(world)
    for _ in range(4):
        world.breathe()

    anna.refresh_from_db()
    assert anna.realm == AWAY
    assert sorted(world.grants) == [(anna.player_id, "FROST"), (anna.player_id, "SNOW")]


def test_catch_up_is_enqueued_only_for_the_guild_of_the_corrected_member(
    world: World, service: Service
) -> None:
    anna = refused(world, service)
    DirectoryLookup.objects.update(due_at=database_now())
    world.rings.clear()

    tasks.look_up("simulator", 1)

    assert [(task.name.rpartition(".")[2], args) for task, args, _ in world.rings] == [
        ("catch_up", ([anna.guild_id],))
    ]


def test_a_change_is_in_the_member_s_history_with_its_source(
    world: World, service: Service
) -> None:
    anna = refused(world, service)
    service.knows(anna, "Annalise", AWAY)
    DirectoryLookup.objects.update(due_at=database_now())

    look(world)

    newest = anna.history.order_by("-history_id")[0]
    assert (newest.nickname, newest.realm) == ("Annalise", AWAY)
    assert newest.history_change_reason == "From the directory 127.0.0.1."
    assert newest.history_user is None


def test_a_name_is_refreshed_and_a_name_that_a_person_chose_stays_until_the_name_changes(
    world: World, service: Service
) -> None:
    anna = agreed(guild(), nickname="typed at the import")
    service.knows(anna, "Anna")
    look(world)
    anna.refresh_from_db()
    assert anna.nickname == "Anna"
    Member.objects.filter(pk=anna.pk).update(nickname="Our Anna")

    later(world, 8 * 86_400)
    look(world)
    anna.refresh_from_db()
    assert anna.nickname == "Our Anna"

    service.knows(anna, "Annalise")
    later(world, 8 * 86_400)
    look(world)
    anna.refresh_from_db()
    assert anna.nickname == "Annalise"


def test_an_answer_without_a_change_leaves_no_version(world: World, service: Service) -> None:
    anna = agreed(guild(), nickname="Anna")
    service.knows(anna)

    look(world)
    later(world, 8 * 86_400)
    look(world)

    assert len(service.asked) == 2
    assert reasons(anna) == []


def test_the_realm_of_the_guild_is_stored_as_none(world: World, service: Service) -> None:
    anna = refused(world, service)
    Member.objects.filter(pk=anna.pk).update(realm=5)
    world.catch_up()
    world.breathe()
    assert anna.member_redemptions.get().asked_realm == 5
    assert anna.member_redemptions.get().state == "needs_correction"
    service.knows(anna, realm=REALM)
    DirectoryLookup.objects.update(due_at=database_now(), realm=AWAY)

    look(world)

    anna.refresh_from_db()
    assert anna.realm is None


def test_a_realm_that_works_is_not_changed_by_a_directory_that_never_gave_it(
    world: World, service: Service
) -> None:
    wolves, code = guild(), gift_code()
    anna = agreed(wolves)
    world.knows(wolves)
    world.has(code)
    world.redeem(wolves, code)
    assert len(world.grants) == 1
    service.knows(anna, realm=AWAY)

    look(world)
    later(world, 8 * 86_400)
    look(world)

    anna.refresh_from_db()
    assert (len(service.asked), anna.realm) == (2, None)


def test_a_realm_that_works_through_another_guild_is_not_changed_either(
    world: World, service: Service
) -> None:
    wolves, bears, code = guild(), guild(), gift_code()
    anna = agreed(wolves)
    member(bears, anna.player_id)
    world.knows(wolves)
    world.has(code)
    service.knows(anna)
    look(world)
    world.redeem(bears, code)
    service.knows(anna, realm=AWAY)
    DirectoryLookup.objects.update(due_at=database_now())

    look(world)

    anna.refresh_from_db()
    assert (len(service.asked), anna.realm) == (2, None)


def test_a_realm_that_a_person_set_is_not_changed_before_the_game_refused_it(
    world: World, service: Service
) -> None:
    anna = agreed(guild(), realm=5)
    service.knows(anna, realm=AWAY)

    look(world)

    anna.refresh_from_db()
    assert anna.realm == 5


def test_a_realm_that_the_directory_gave_follows_when_the_directory_changes(
    world: World, service: Service
) -> None:
    anna = agreed(guild())
    service.knows(anna)
    look(world)
    service.knows(anna, realm=AWAY)

    later(world, 8 * 86_400)
    look(world)

    anna.refresh_from_db()
    assert anna.realm == AWAY


T = [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 10)]
NEVER = Named()


@pytest.mark.parametrize(
    ("before", "answers_now", "answers_said", "taken"),
    [
        # The game was never asked: a person's realm stays.
        (NEVER, GameAnswers(), GameAnswers(), False),
        # The game's last answer refused the realm.
        (NEVER, GameAnswers(refused_at=T[1]), GameAnswers(), True),
        (NEVER, GameAnswers(proven_at=T[1], refused_at=T[2]), GameAnswers(), True),
        # The game accepts the realm again.
        (NEVER, GameAnswers(proven_at=T[2], refused_at=T[1]), GameAnswers(), False),
        # The member has the realm that the directory named, and the directory names a new one.
        (Named(1, T[1], T[3]), GameAnswers(), GameAnswers(), True),
        (Named(1, T[1], T[3]), GameAnswers(proven_at=T[2]), GameAnswers(), True),
        # A code was redeemed after the directory named this realm last.
        (Named(1, T[1], T[3]), GameAnswers(proven_at=T[4]), GameAnswers(), False),
        # A person set another realm than the directory's.
        (Named(9, T[1], T[3]), GameAnswers(), GameAnswers(), False),
        # The game refused what the directory still says.
        (Named(2, T[1], T[3]), GameAnswers(refused_at=T[3]), GameAnswers(refused_at=T[2]), False),
        # The game refused the realm before the directory named it again: the player has moved back.
        (Named(2, T[3], T[4]), GameAnswers(refused_at=T[3]), GameAnswers(refused_at=T[2]), True),
        (Named(1, T[3], T[4]), GameAnswers(refused_at=T[3]), GameAnswers(refused_at=T[2]), True),
    ],
)
def test_the_game_s_word_decides_whose_realm_wins(
    before: Named, answers_now: GameAnswers, answers_said: GameAnswers, taken: bool
) -> None:
    assert (
        takes_realm(
            now=1, said=2, before=before, answers_now=answers_now, answers_said=answers_said
        )
        is taken
    )
    assert (
        takes_realm(
            now=2, said=2, before=before, answers_now=answers_now, answers_said=answers_said
        )
        is False
    )


# --- Trouble --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "headers", "least", "most"),
    [
        ("429 Slow", "", 60, 80),
        ("429 Slow", "Retry-After: 300\r\n", 300, 301),
        ("429 Slow", "Retry-After: 86400\r\n", 86_400, 86_401),
        ("429 Slow", "Retry-After: 999999\r\n", 86_400, 86_420),
        ("500 Oops", "", 30, 40),
        ("503 Away", "Retry-After: 600\r\n", 600, 601),
        ("200 OK", "", 30, 40),
        ("401 Who", "", 900, 901),
    ],
)
def test_after_a_failure_the_directory_rests_and_nothing_is_changed(
    world: World, service: Service, status: str, headers: str, least: float, most: float
) -> None:
    anna = agreed(guild(), nickname="Anna", realm=5)
    service.knows(anna, "Other", AWAY)
    service.fails(status, headers)

    look(world, 3)

    assert service.asked == [anna.player_id]
    row = Directory.objects.get()
    assert row.failures == 1
    assert row.not_before is not None
    assert least <= row.not_before.timestamp() - row.sent[-1] <= most
    anna.refresh_from_db()
    assert (anna.nickname, anna.realm, reasons(anna)) == ("Anna", 5, [])


def test_a_directory_that_works_again_is_asked_as_before(world: World, service: Service) -> None:
    anna = agreed(guild())
    service.knows(anna)
    service.fails("500 Oops")
    service.fails("429 Slow")
    look(world)
    for _ in range(2):
        later(world, 7_200)
        look(world)

    row = Directory.objects.get()
    assert (row.failures, row.error, row.key_refused, row.not_before) == (0, "", False, None)
    anna.refresh_from_db()
    assert anna.nickname == "Anna"


def test_one_player_whose_answer_is_bad_does_not_keep_the_others_waiting(
    world: World, service: Service
) -> None:
    wolves = guild()
    bad, good = agreed(wolves), agreed(wolves)
    service.knows(good)
    service.book[bad.player_id] = ("", 0)
    look(world)

    later(world, 60)
    look(world)

    good.refresh_from_db()
    assert good.nickname == "Anna"
    assert service.asked == [bad.player_id, good.player_id]


def test_a_failing_directory_does_not_touch_redeeming(
    world: World, service: Service, settings: Any
) -> None:
    configure(settings, directory_url="http://127.0.0.1:9/{id}")
    wolves, code = guild(), gift_code()
    anna = agreed(wolves)
    world.knows(wolves)
    world.has(code)
    look(world)

    world.redeem(wolves, code)

    assert world.grants == [(anna.player_id, code.code)]
    assert "could not be reached" in Directory.objects.get().error


def test_a_refused_key_raises_an_alarm_at_once_which_ends_when_the_key_is_accepted(
    world: World, service: Service
) -> None:
    agreed(guild())
    service.fails("403 No")
    look(world)

    tasks.alarms()
    alarm = Alarm.objects.standing().get(kind=Alarm.Kind.DIRECTORY_KEY)
    assert "SIMULATOR_DIRECTORY_KEY" in alarm.message

    later(world, 1_000)
    look(world)
    tasks.alarms()
    assert not Alarm.objects.standing().filter(kind=Alarm.Kind.DIRECTORY_KEY).exists()


def test_a_directory_that_fails_for_a_day_is_an_alarm(world: World, service: Service) -> None:
    agreed(guild())
    service.fails("200 OK", body=b'{"other": "form"}')
    look(world)
    tasks.alarms()
    Alarm.objects.update(suspected_at=F("suspected_at") - timedelta(hours=23))
    tasks.alarms()
    assert not Alarm.objects.standing().filter(kind=Alarm.Kind.DIRECTORY_FAILING).exists()

    Alarm.objects.update(suspected_at=F("suspected_at") - timedelta(hours=2))
    tasks.alarms()

    assert (
        "no name of a player"
        in Alarm.objects.standing().get(kind=Alarm.Kind.DIRECTORY_FAILING).message
    )


def test_the_key_is_in_no_log_and_in_no_row(
    world: World, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    anna = agreed(guild())
    service.knows(anna, f"Anna {KEY}")
    service.fails("401 Who", body=json.dumps({"error": KEY}).encode())
    look(world)
    later(world, 1_000)
    look(world)
    tasks.alarms()

    with connection.cursor() as cursor:
        for model in (Directory, DirectoryLookup, Member, Alarm):
            cursor.execute(
                f'SELECT count(*) FROM "{model._meta.db_table}" AS row WHERE row::text LIKE %s',
                [f"%{KEY}%"],
            )
            assert cursor.fetchone()[0] == 0
    assert len(service.asked) == 2
    assert KEY not in caplog.text
    assert KEY not in repr(world_config())
