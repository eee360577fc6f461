"""A directory of players: whom it is asked for, when, and what its word changes. Against a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from giftcodes import tasks
from giftcodes.directories import DirectoryAnswer, Verdict
from giftcodes.flow import directory as step
from giftcodes.flow.directory import GameWords, Word, takes_realm
from giftcodes.flow.erase_player import erase_player
from giftcodes.flow.opt_out import opt_out
from giftcodes.models import Alarm, Directory, DirectoryLookup, Heartbeat, Member, database_now
from giftcodes.providers import Rate
from tests.factories import REALM, gift_code, guild, member
from tests.flow.conftest import World, states
from tests.providers.raw_server import RawServer, Talk, http

KEY = "directory-key-4711"
AGREED = date(2026, 1, 1)
AWAY = 77


@dataclass
class Service:
    """The directory, with a book of players, and a list of spoiled answers that go first."""

    book: dict[str, tuple[str, int]] = field(default_factory=dict)
    spoiled: list[bytes] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server = RawServer(self._serve)

    @property
    def address(self) -> str:
        return f"{self.server.url}/players/{{id}}?include=base"

    def knows(self, player: Member | str, name: str = "Anna", realm: int = REALM) -> None:
        self.book[getattr(player, "player_id", player)] = (name, realm)  # type: ignore[arg-type]

    def fails(self, status: str, headers: str = "", body: bytes = b"{}") -> None:
        self.spoiled.append(http(body, status=status, headers=headers))

    def _serve(self, talk: Talk) -> None:
        while request := talk.hear():
            player = request.line.split("?")[0].rpartition("/")[2]
            self.asked.append(player)
            talk.say(self.spoiled.pop(0) if self.spoiled else self._answer(player))

    def _answer(self, player: str) -> bytes:
        if player not in self.book:
            return http(b'{"error": "no such player"}', status="404 Not Found")
        name, realm = self.book[player]
        return http(json.dumps({"data": {"id": player, "name": name, "kingdom": realm}}).encode())


@pytest.fixture
def service(world: World, settings: Any) -> Iterator[Service]:
    """A directory of the simulator's players: any game may have one."""
    service = Service()
    configure(settings, directory_url=service.address, directory_key=KEY)
    yield service
    service.server.stop()


def configure(settings: Any, **changes: Any) -> None:
    here = replace(settings.PROVIDERS["simulator"], **changes)
    settings.PROVIDERS = {**settings.PROVIDERS, "simulator": here}


def look(world: World, times: int = 1) -> None:
    """Let beat ring, so often, and let follow what follows."""
    for _ in range(times):
        tasks.directory()
        world.drain()


def later(world: World, seconds: float) -> None:
    """Let time go by, also for the directory."""
    ago = timedelta(seconds=seconds)
    world.pass_time(seconds)
    DirectoryLookup.objects.update(
        **{name: F(name) - ago for name in ("due_at", "asked_at", "answered_at", "realm_since")}
    )
    Directory.objects.update(**{name: F(name) - ago for name in ("not_before", "lease_until", "asked_at")})
    for row in Directory.objects.all():
        Directory.objects.filter(pk=row.pk).update(sent=[at - seconds for at in row.sent])


def agreed(of: Any, player: str = "", **fields: Any) -> Member:
    return member(of, player, consented_on=AGREED, **fields)


def reasons(row: Member) -> list[str]:
    return [one for one in row.history.order_by("history_id").values_list("history_change_reason", flat=True) if one]


def refused(world: World, service: Service) -> Member:
    """A member who has moved to another realm, whom the game refused, and whose row waits for a correction."""
    wolves, code = guild("Wolves"), gift_code("FROST")
    anna = agreed(wolves, nickname="Anna")
    service.knows(anna)
    look(world)
    world.game.merge({"players": {anna.player_id: {"realm": AWAY}}})
    world.has(code)
    redemption = world.redeem(wolves, code)
    assert states(redemption) == {anna.player_id: "needs_correction"}
    service.asked.clear()
    service.knows(anna, realm=AWAY)
    later(world, 7_200)
    return anna


# --- Whom it is asked for ---------------------------------------------------------------------------------------------
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


def test_nobody_is_added_by_it(world: World, service: Service) -> None:
    anna = agreed(guild())
    service.knows(anna)
    service.knows("999999999", "Stranger")

    look(world, 3)

    assert Member.objects.count() == 1


@pytest.mark.parametrize("wish", ["opt out", "erase", "leave", "consent taken back"])
def test_who_does_not_agree_any_more_is_not_asked_for_and_the_row_goes(
    world: World, service: Service, wish: str
) -> None:
    anna = agreed(guild())
    service.knows(anna)
    look(world)
    later(world, 8 * 86_400)
    withdraw(anna, wish)

    look(world)

    assert service.asked == [anna.player_id], "before"
    assert not DirectoryLookup.objects.exists()


def test_the_row_goes_also_while_the_directory_is_off(world: World, service: Service, settings: Any) -> None:
    anna = agreed(guild())
    service.knows(anna)
    look(world)
    configure(settings, directory_key="")
    withdraw(anna, "opt out")

    look(world)

    assert not DirectoryLookup.objects.exists()


@pytest.mark.parametrize("wish", ["opt out", "erase", "leave", "consent taken back"])
def test_an_answer_for_who_did_not_agree_any_more_when_it_came_changes_nothing(
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
    assert not DirectoryLookup.objects.exclude(name="").filter(player_id=anna.player_id, provider="simulator").exists()


def withdraw(row: Member, wish: str) -> None:
    match wish:
        case "opt out":
            opt_out("simulator", row.player_id)
        case "erase":
            assert not erase_player("simulator", row.player_id).obstacle
        case "leave":
            Member.objects.filter(pk=row.pk).update(active=False)
        case _:
            Member.objects.filter(pk=row.pk).update(consented_on=None)
    Heartbeat.objects.filter(name="directory").update(at=F("at") - timedelta(minutes=2))


def world_config() -> Any:
    return settings.PROVIDERS["simulator"]


def found(name: str, realm: int) -> DirectoryAnswer:
    return DirectoryAnswer(Verdict.FOUND, name=name, realm=realm)


def test_a_player_in_two_guilds_is_asked_for_once_and_only_the_row_that_agreed_is_changed(
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


# --- When -------------------------------------------------------------------------------------------------------------
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


def test_before_the_run_of_a_new_code_who_needs_correction_is_asked_for_first(world: World, service: Service) -> None:
    anna = refused(world, service)
    ben = agreed(anna.guild)
    service.knows(ben, "Ben")
    code = gift_code("SNOW")
    world.has(code)
    DirectoryLookup.objects.enrol("simulator")
    DirectoryLookup.objects.filter(player_id=ben.player_id).update(due_at=database_now() - timedelta(days=1))

    tasks.fan_out(code.pk)
    assert service.asked == [], "a run never waits for the network"
    world.drain()
    look(world)

    assert service.asked == [anna.player_id, ben.player_id]


def test_a_start_that_is_asked_for_marks_only_the_own_guild_s_and_only_those_who_need_it(
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


def test_who_was_asked_for_within_the_hour_is_not_marked_again(world: World, service: Service) -> None:
    anna = refused(world, service)
    DirectoryLookup.objects.update(asked_at=database_now())

    tasks.redeem(anna.guild_id, gift_code().pk, "admin")

    assert not DirectoryLookup.objects.filter(urgent=True).exists()


@pytest.mark.django_db(transaction=True)
def test_a_run_does_not_wait_for_a_row_that_is_held(world: World, service: Service) -> None:
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


# --- What it changes --------------------------------------------------------------------------------------------------
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


def test_only_the_guild_of_the_corrected_member_is_rung(world: World, service: Service) -> None:
    anna = refused(world, service)
    DirectoryLookup.objects.update(due_at=database_now())
    world.rings.clear()

    tasks.look_up("simulator", 1)

    assert [(task.name.rpartition(".")[2], args) for task, args, _ in world.rings] == [("catch_up", ([anna.guild_id],))]


def test_a_change_is_in_the_member_s_history_with_its_source(world: World, service: Service) -> None:
    anna = refused(world, service)
    service.knows(anna, "Annalise", AWAY)
    DirectoryLookup.objects.update(due_at=database_now())

    look(world)

    newest = anna.history.order_by("-history_id")[0]
    assert (newest.nickname, newest.realm) == ("Annalise", AWAY)
    assert newest.history_change_reason == "From the directory 127.0.0.1."
    assert newest.history_user is None


def test_a_name_is_refreshed_and_one_that_a_person_chose_since_stays(world: World, service: Service) -> None:
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


def test_what_is_the_same_leaves_no_version(world: World, service: Service) -> None:
    anna = agreed(guild(), nickname="Anna")
    service.knows(anna)

    look(world)
    later(world, 8 * 86_400)
    look(world)

    assert len(service.asked) == 2
    assert reasons(anna) == []


def test_a_realm_that_is_the_guild_s_is_stored_as_none(world: World, service: Service) -> None:
    anna = refused(world, service)
    Member.objects.filter(pk=anna.pk).update(realm=5)
    world.catch_up()
    world.breathe()
    assert anna.redemptions.get().asked_realm == 5
    assert anna.redemptions.get().state == "needs_correction"
    service.knows(anna, realm=REALM)
    DirectoryLookup.objects.update(due_at=database_now(), realm=AWAY)

    look(world)

    anna.refresh_from_db()
    assert anna.realm is None


def test_a_realm_that_works_is_not_changed_by_a_first_answer(world: World, service: Service) -> None:
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


def test_a_realm_that_works_through_another_guild_is_not_changed_either(world: World, service: Service) -> None:
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


def test_a_realm_that_a_person_set_is_not_changed_before_the_game_refused_it(world: World, service: Service) -> None:
    anna = agreed(guild(), realm=5)
    service.knows(anna, realm=AWAY)

    look(world)

    anna.refresh_from_db()
    assert anna.realm == 5


def test_a_member_who_follows_the_directory_follows_its_news(world: World, service: Service) -> None:
    anna = agreed(guild())
    service.knows(anna)
    look(world)
    service.knows(anna, realm=AWAY)

    later(world, 8 * 86_400)
    look(world)

    anna.refresh_from_db()
    assert anna.realm == AWAY


T = [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 10)]
NEVER = Word()


@pytest.mark.parametrize(
    ("before", "of_now", "of_said", "taken"),
    [
        # Never asked the game: a person's realm stays.
        (NEVER, GameWords(), GameWords(), False),
        # The game refused it last.
        (NEVER, GameWords(refused_at=T[1]), GameWords(), True),
        (NEVER, GameWords(proven_at=T[1], refused_at=T[2]), GameWords(), True),
        # The game accepts it again.
        (NEVER, GameWords(proven_at=T[2], refused_at=T[1]), GameWords(), False),
        # The directory has news of a member who followed it.
        (Word(1, T[1], T[3]), GameWords(), GameWords(), True),
        (Word(1, T[1], T[3]), GameWords(proven_at=T[2]), GameWords(), True),
        # A code was redeemed after the directory named this realm last.
        (Word(1, T[1], T[3]), GameWords(proven_at=T[4]), GameWords(), False),
        # A person set another realm than the directory's.
        (Word(9, T[1], T[3]), GameWords(), GameWords(), False),
        # The game refused what the directory still says.
        (Word(2, T[1], T[3]), GameWords(refused_at=T[3]), GameWords(refused_at=T[2]), False),
        # It refused it once, before the directory named it again: the player has moved back.
        (Word(2, T[3], T[4]), GameWords(refused_at=T[3]), GameWords(refused_at=T[2]), True),
        (Word(1, T[3], T[4]), GameWords(refused_at=T[3]), GameWords(refused_at=T[2]), True),
    ],
)
def test_the_game_s_word_decides_whose_realm_wins(
    before: Word, of_now: GameWords, of_said: GameWords, taken: bool
) -> None:
    assert takes_realm(now=1, said=2, before=before, of_now=of_now, of_said=of_said) is taken
    assert takes_realm(now=2, said=2, before=before, of_now=of_now, of_said=of_said) is False


# --- Pace -------------------------------------------------------------------------------------------------------------
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


def test_a_window_that_begins_anywhere_has_no_more_than_allowed() -> None:
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
    assert all(later_one - one >= timedelta(seconds=60) for one, later_one in zip(sent, sent[3:], strict=False))


def test_the_request_beyond_the_day_s_number_waits_until_the_next_day(
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


def test_one_ring_of_beat_asks_for_a_few_players_only(world: World, service: Service) -> None:
    wolves = guild()
    for _ in range(8):
        agreed(wolves)

    look(world)

    assert len(service.asked) == tasks.LOOKUPS


def test_never_two_at_a_time_and_a_worker_that_dies_leaves_its_turn_to_the_next(world: World, service: Service) -> None:
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
    assert Directory.objects.get().used_today == 3, "the lost one is counted: it may have been sent"


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


# --- Trouble ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "headers", "least", "most"),
    [
        ("429 Slow", "", 60, 80),
        ("429 Slow", "Retry-After: 300\r\n", 300, 301),
        ("429 Slow", "Retry-After: 86400\r\n", 86_400, 86_401),
        ("429 Slow", "Retry-After: 999999\r\n", 60, 80),
        ("500 Oops", "", 30, 40),
        ("503 Away", "Retry-After: 600\r\n", 600, 601),
        ("200 OK", "", 30, 40),
        ("401 Who", "", 900, 901),
    ],
)
def test_a_failure_is_rested_after_and_changes_nothing(
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


def test_one_player_whose_answer_is_bad_does_not_keep_the_others_waiting(world: World, service: Service) -> None:
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


def test_a_failing_directory_does_not_touch_redeeming(world: World, service: Service, settings: Any) -> None:
    configure(settings, directory_url="http://127.0.0.1:9/{id}")
    wolves, code = guild(), gift_code()
    anna = agreed(wolves)
    world.knows(wolves)
    world.has(code)
    look(world)

    world.redeem(wolves, code)

    assert world.grants == [(anna.player_id, code.code)]
    assert "could not be reached" in Directory.objects.get().error


def test_a_refused_key_is_an_alarm_at_once_and_over_when_it_is_taken(world: World, service: Service) -> None:
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

    assert "no name of a player" in Alarm.objects.standing().get(kind=Alarm.Kind.DIRECTORY_FAILING).message


def test_the_key_is_in_no_log_and_in_no_row(world: World, service: Service, caplog: pytest.LogCaptureFixture) -> None:
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
                f'SELECT count(*) FROM "{model._meta.db_table}" AS row WHERE row::text LIKE %s', [f"%{KEY}%"]
            )
            assert cursor.fetchone()[0] == 0
    assert len(service.asked) == 2
    assert KEY not in caplog.text
    assert KEY not in repr(world_config())
