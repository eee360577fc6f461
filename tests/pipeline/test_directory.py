"""A directory of players: whom it is asked for, when, and how often. Against a real server."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from giftcodes import tasks
from giftcodes.clients.games import Rate
from giftcodes.models import Directory, DirectoryLookup, Member, database_now
from giftcodes.models.directory import providers_with_directory
from giftcodes.pipeline import directory as step
from tests.factories import gift_code, guild, member
from tests.pipeline.conftest import World
from tests.pipeline.directory_service import (
    AGREED,
    AWAY,
    Service,
    agreed,
    configure,
    found,
    later,
    look,
    refused,
    withdraw,
    world_config,
)


# --- Whom it is asked for -------------------------------------------------------------------------
def test_only_members_who_agreed_are_asked_for(world: World, service: Service) -> None:
    wolves = guild()
    anna = agreed(wolves)
    member(wolves)
    agreed(wolves, active=False)
    agreed(wolves, opted_out=True)
    agreed(guild(active=False))
    for row in Member.objects.all():
        service.knows(row)

    look(world, 3)

    assert service.asked == [anna.player_id]
    assert Member.objects.filter(nickname="Anna").get() == anna
    assert DirectoryLookup.objects.count() == 1


def test_without_a_key_nobody_is_asked_for_and_nothing_is_written(
    world: World, service: Service, settings: Any
) -> None:
    configure(settings, directory_key="")
    agreed(guild())

    look(world)
    tasks.look_up("simulator")

    assert service.asked == []
    assert not DirectoryLookup.objects.exists()


@pytest.mark.parametrize("missing", ["salt", "directory_url", "directory_key"])
def test_a_game_without_a_salt_or_an_address_or_a_key_has_no_directory(
    settings: Any, missing: str
) -> None:
    complete = replace(
        settings.PROVIDERS["whiteout"],
        salt="salt",
        api_url="https://game.example",
        directory_url="https://directory.example/{id}",
        directory_key="key",
    )
    without = replace(complete, name="kingshot", **{missing: ""})
    settings.PROVIDERS = {"whiteout": complete, "kingshot": without}

    assert providers_with_directory() == ["whiteout"]


def test_the_directory_adds_no_member(world: World, service: Service) -> None:
    anna = agreed(guild())
    service.knows(anna)
    service.knows("999999999", "Stranger")

    look(world, 3)

    assert Member.objects.count() == 1


@pytest.mark.parametrize("wish", ["opt out", "erase", "leave", "consent taken back"])
def test_a_player_who_does_not_agree_any_more_is_not_asked_for_and_the_row_is_deleted(
    world: World, service: Service, wish: str
) -> None:
    anna = agreed(guild())
    service.knows(anna)
    look(world)
    later(world, 8 * 86_400)
    withdraw(anna, wish)

    look(world)

    assert service.asked == [anna.player_id], "only before the wish"
    assert not DirectoryLookup.objects.exists()


def test_the_row_is_deleted_even_while_the_directory_is_off(
    world: World, service: Service, settings: Any
) -> None:
    anna = agreed(guild())
    service.knows(anna)
    look(world)
    configure(settings, directory_key="")
    withdraw(anna, "opt out")

    look(world)

    assert not DirectoryLookup.objects.exists()


@pytest.mark.parametrize("wish", ["opt out", "erase", "leave", "consent taken back"])
def test_an_answer_that_comes_when_the_player_does_not_agree_any_more_changes_nothing(
    world: World, service: Service, wish: str
) -> None:
    anna = agreed(guild(), nickname="Before")
    DirectoryLookup.objects.enrol("simulator")
    claim = step._claim(world_config())
    assert claim is not None
    withdraw(anna, wish)

    step.record(world_config(), claim, found("After", AWAY))

    assert not Member.objects.filter(nickname="After").exists()
    assert not Member.objects.filter(realm=AWAY).exists()
    look(world)
    assert (
        not DirectoryLookup.objects.exclude(name="")
        .filter(player_id=anna.player_id, provider="simulator")
        .exists()
    )


def test_a_player_in_two_guilds_is_asked_for_once_and_only_the_member_who_agreed_is_changed(
    world: World, service: Service
) -> None:
    anna = agreed(guild(), nickname="Old")
    other = member(guild(), anna.player_id, nickname="Old")
    service.knows(anna, "New")

    look(world)

    assert service.asked == [anna.player_id]
    anna.refresh_from_db()
    other.refresh_from_db()
    assert (anna.nickname, other.nickname) == ("New", "Old")


# --- When -----------------------------------------------------------------------------------------
def test_a_member_is_asked_for_once_a_week(world: World, service: Service) -> None:
    anna = agreed(guild())
    service.knows(anna)

    look(world, 3)
    later(world, 6.9 * 86_400)
    look(world, 3)
    assert service.asked == [anna.player_id]

    later(world, 0.2 * 86_400)
    look(world, 3)
    assert service.asked == [anna.player_id] * 2


def test_a_player_whom_the_directory_does_not_know_is_left_as_they_are_for_a_week(
    world: World, service: Service
) -> None:
    anna = agreed(guild(), nickname="Anna")

    look(world, 3)

    assert service.asked == [anna.player_id]
    assert DirectoryLookup.objects.get().said == "not_found"
    assert Directory.objects.get().failures == 0
    assert list(Member.objects.values_list("nickname", "realm")) == [("Anna", None)]


def test_members_who_need_correction_are_asked_for_first_when_there_is_a_new_code(
    world: World, service: Service
) -> None:
    anna = refused(world, service)
    ben = agreed(anna.guild)
    service.knows(ben, "Ben")
    code = gift_code("SNOW")
    world.has(code)
    DirectoryLookup.objects.enrol("simulator")
    DirectoryLookup.objects.filter(player_id=ben.player_id).update(
        due_at=database_now() - timedelta(days=1)
    )

    tasks.fan_out(code.pk)
    assert service.asked == [], "a run never waits for the network"
    world.drain()
    look(world)

    assert service.asked == [anna.player_id, ben.player_id]


def test_a_requested_start_marks_only_members_of_its_guild_who_need_correction(
    world: World, service: Service
) -> None:
    anna = refused(world, service)
    bears = guild()

    tasks.redeem(bears.pk, gift_code().pk, "admin")
    assert not DirectoryLookup.objects.filter(urgent=True).exists()

    fine = agreed(anna.guild)
    tasks.redeem(anna.guild_id, gift_code().pk, "admin")
    urgent = list(DirectoryLookup.objects.filter(urgent=True).values_list("player_id", flat=True))
    assert urgent == [anna.player_id]
    assert fine.player_id not in urgent


def test_a_member_who_was_asked_for_within_the_hour_is_not_marked_again(
    world: World, service: Service
) -> None:
    anna = refused(world, service)
    DirectoryLookup.objects.update(asked_at=database_now())

    tasks.redeem(anna.guild_id, gift_code().pk, "admin")

    assert not DirectoryLookup.objects.filter(urgent=True).exists()


@pytest.mark.django_db(transaction=True)
def test_a_run_does_not_wait_for_a_locked_row_of_a_lookup(world: World, service: Service) -> None:
    import psycopg

    anna = refused(world, service)
    params = connection.get_connection_params()
    for name in ("cursor_factory", "context", "server_side_binding", "prepare_threshold", "pool"):
        params.pop(name, None)
    with psycopg.connect(**params) as other:
        other.execute("SELECT FROM giftcodes_directorylookup FOR UPDATE")
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '2s'")
            assert DirectoryLookup.objects.want(["simulator"]) == 0
        other.rollback()
    assert DirectoryLookup.objects.want(["simulator"], guild_id=anna.guild_id) == 1


# --- Pace -----------------------------------------------------------------------------------------
def test_the_sixty_first_request_in_a_minute_waits(world: World, service: Service) -> None:
    wolves = guild()
    Member.objects.bulk_create(
        Member(guild=wolves, player_id=str(400_000_000 + n), consented_on=AGREED) for n in range(70)
    )

    look(world, 20)
    assert len(service.asked) == 60

    Directory.objects.update(sent=[database_now().timestamp()] * 60)
    look(world, 5)
    assert len(service.asked) == 60

    later(world, 61)
    look(world, 5)
    assert len(service.asked) == 70
    assert len(set(service.asked)) == 70


def test_no_period_of_a_minute_has_more_requests_than_allowed() -> None:
    row, now = Directory(provider="x"), datetime(2026, 1, 1, tzinfo=UTC)
    rate, lease = Rate(3, 60.0), timedelta(seconds=26)
    sent = []
    for _ in range(400):
        if row.may_ask_at(rate=rate, per_day=9_999, now=now) is None:
            row.take(rate=rate, lease=lease, now=now)
            now += timedelta(seconds=2)
            row.give_back(now=now)
            sent.append(now)
        now += timedelta(seconds=1)
    assert len(sent) > 10
    assert all(
        later_one - one >= timedelta(seconds=60)
        for one, later_one in zip(sent, sent[3:], strict=False)
    )


def test_a_request_beyond_the_daily_limit_waits_until_the_next_day(
    world: World, service: Service, settings: Any
) -> None:
    anna = agreed(guild())
    look(world)
    today = database_now().astimezone(UTC).date()
    Directory.objects.update(day=today, used_today=5_000, sent=[])
    DirectoryLookup.objects.update(due_at=database_now())

    look(world)
    assert service.asked == [anna.player_id]
    row = Directory.objects.get()
    waits = row.may_ask_at(rate=None, per_day=5_000, now=database_now())
    assert waits == datetime.combine(today + timedelta(days=1), datetime.min.time(), UTC)

    Directory.objects.update(day=today - timedelta(days=1))
    look(world)
    assert len(service.asked) == 2
    assert Directory.objects.get().used_today == 1


def test_one_message_of_beat_asks_for_a_few_players_only(world: World, service: Service) -> None:
    wolves = guild()
    for _ in range(8):
        agreed(wolves)

    look(world)

    assert len(service.asked) == tasks.LOOKUPS


def test_one_request_is_sent_at_a_time_and_a_dead_worker_leaves_its_turn_to_the_next(
    world: World, service: Service
) -> None:
    wolves = guild()
    anna, ben = agreed(wolves), agreed(wolves)
    DirectoryLookup.objects.enrol("simulator")
    lost = step._claim(world_config())
    assert lost is not None

    look(world)
    assert service.asked == []

    later(world, 30)
    look(world)
    assert sorted(service.asked) == sorted([anna.player_id, ben.player_id])
    assert Directory.objects.get().used_today == 3, "the lost request counts: it may have been sent"


def test_a_worker_that_comes_back_late_changes_nothing(world: World, service: Service) -> None:
    anna = agreed(guild(), nickname="Anna")
    DirectoryLookup.objects.enrol("simulator")
    lost = step._claim(world_config())
    assert lost is not None
    service.knows(anna, "Now")
    later(world, 30)
    look(world)

    step.record(world_config(), lost, found("Old", AWAY))

    anna.refresh_from_db()
    assert (anna.nickname, anna.realm) == ("Now", None)
