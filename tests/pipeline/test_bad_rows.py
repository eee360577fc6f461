"""One bad row does not stop a sweep, a page, a command or beat from handling the other rows."""

from __future__ import annotations

import datetime as dt
import importlib
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import ClockedSchedule, IntervalSchedule, PeriodicTask

import giftcodes.migrations
from giftcodes import tasks
from giftcodes.checks.games import check_poll_interval
from giftcodes.checks.numbers import check_retention
from giftcodes.models import (
    Alarm,
    CodeState,
    GiftCode,
    Member,
    MemberRedemption,
    Redemption,
    database_now,
)
from giftcodes.pipeline.dispatch import dispatch
from redeemer.beat import TolerantScheduler
from redeemer.celery import app
from tests.factories import gift_code, guild, member
from tests.pipeline.conftest import World

FAR = ["10000-01-01 04:59:00+00", "infinity", "294276-12-31 23:59:59+00", "9999-12-31 23:59:59+00"]
LONG_AGO = ["-infinity", "0044-03-15 00:00:00+00 BC", "0001-01-01 00:00:00+00"]
_MIGRATION = next(Path(giftcodes.migrations.__path__[0]).glob("*_date_bounds.py")).stem
MIGRATION: Any = importlib.import_module(f"giftcodes.migrations.{_MIGRATION}")


def run(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)


def poison(table: str, pk: int) -> Callable[[], None]:
    """Let the database refuse each change of a row, until the returned function is called."""
    run(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION 'This row cannot be changed: my-secret-value'; END$$"
    )
    run(
        f"CREATE TRIGGER refuse BEFORE UPDATE ON {table} FOR EACH ROW WHEN (OLD.id = {pk}) "
        "EXECUTE FUNCTION refuse()"
    )

    def heal() -> None:
        run(f"DROP TRIGGER refuse ON {table}")
        run("DROP FUNCTION refuse")

    return heal


def standing() -> list[str]:
    return list(
        Alarm.objects.standing().filter(kind=Alarm.Kind.BAD_ROW).values_list("subject", flat=True)
    )


# --- What the database refuses --------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("giftcodes_giftcode", "expires_at"),
        ("giftcodes_giftcode", "published_on"),
        ("giftcodes_member", "consented_on"),
        ("django_celery_beat_periodictask", "expires"),
        ("django_celery_beat_periodictask", "start_time"),
        ("django_celery_beat_clockedschedule", "clocked_time"),
    ],
)
def test_the_database_itself_refuses_a_date_out_of_bounds(table: str, column: str) -> None:
    _one_of_each()
    for value in ("1999-12-31", "2100-01-02", "10000-01-01", "infinity", "-infinity"):
        with pytest.raises(IntegrityError, match="within_bounds"), transaction.atomic():
            run(f"UPDATE {table} SET {column} = %s", value)
    for value in ("2000-01-01 00:00+00", "2100-01-01 00:00+00"):
        run(f"UPDATE {table} SET {column} = %s", value)


def _one_of_each() -> None:
    member(guild())
    gift_code()
    clocked = ClockedSchedule.objects.create(clocked_time=database_now())
    PeriodicTask.objects.create(name="Mine", task="x", clocked=clocked, one_off=True)


@pytest.mark.django_db
def test_the_migration_moves_old_dates_to_the_bounds_and_notes_it_in_their_rows() -> None:
    _one_of_each()
    code = GiftCode.objects.get()
    code.save()  # This leaves a version.
    GiftCode.objects.update(reason="Closed by hand.")
    within = gift_code(
        expires_at=dt.datetime(2026, 5, 1, tzinfo=dt.UTC), published_on=dt.date(2026, 4, 1)
    )
    run("SET CONSTRAINTS ALL IMMEDIATE")
    for table in {table for table, *_ in MIGRATION.COLUMNS}:
        run(
            "DO $$DECLARE name text; BEGIN "
            "FOR name IN SELECT conname FROM pg_constraint WHERE contype = 'c' "
            f"AND conrelid = '{table}'::regclass AND conname LIKE '%within_bounds' "
            f"LOOP EXECUTE format('ALTER TABLE {table} DROP CONSTRAINT %I', name); END LOOP; END$$"
        )
    run("UPDATE giftcodes_giftcode SET expires_at = '10000-01-01 04:59+00' WHERE id = %s", code.pk)
    run("UPDATE giftcodes_giftcode SET published_on = '0044-03-15 BC' WHERE id = %s", code.pk)
    run(
        "UPDATE giftcodes_historicalgiftcode SET expires_at = 'infinity', published_on = 'infinity'"
    )
    run("UPDATE giftcodes_member SET consented_on = '9999-12-31'")
    run(
        "UPDATE django_celery_beat_periodictask "
        "SET expires = '10000-01-01', start_time = '-infinity'"
    )
    run("UPDATE django_celery_beat_clockedschedule SET clocked_time = 'infinity'")

    MIGRATION.mend(None, SimpleNamespace(connection=connection))

    code.refresh_from_db()
    assert code.expires_at == dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
    assert code.published_on == dt.date(2000, 1, 1)
    assert code.reason == (
        "Closed by hand. expires_at was 10000-01-01 04:59:00, which is out of bounds, "
        "and was moved to 2100-01-01. "
        "published_on was 0044-03-15 BC, which is out of bounds, and was moved to 2000-01-01."
    )
    version = code.history.first()
    assert (version.expires_at.year, version.published_on.year) == (2100, 2100)
    person = Member.objects.get()
    assert person.consented_on == dt.date(2100, 1, 1)
    assert person.notes.startswith("consented_on was 9999-12-31,")
    mine = PeriodicTask.objects.get(name="Mine")
    assert (mine.expires.year, mine.start_time.year, mine.clocked.clocked_time.year) == (
        2100,
        2000,
        2100,
    )
    assert "expires was 10000-01-01" in mine.description
    before = (within.reason, within.expires_at, within.published_on)
    within.refresh_from_db()
    assert (within.reason, within.expires_at, within.published_on) == before


# --- What the database cannot refuse --------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize("moment", [*FAR, *LONG_AGO])
def test_a_moment_that_python_cannot_read_is_read_as_a_moment_that_is_far_away(moment: str) -> None:
    code = gift_code()
    run("UPDATE giftcodes_giftcode SET first_seen_at = %s", moment)

    seen = GiftCode.objects.get(pk=code.pk).first_seen_at

    assert seen.year == (9000 if moment in FAR else 1000)
    assert seen.utcoffset() == dt.timedelta(0)
    seen.astimezone(dt.timezone(dt.timedelta(hours=14))) + dt.timedelta(
        days=365 * 900 if moment in LONG_AGO else 7
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    "day", ["10000-01-01", "infinity", "-infinity", "0044-03-15 BC", "9999-12-31"]
)
def test_a_day_that_python_cannot_read_is_read_as_a_day_that_is_far_away(day: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::date", [day])
        (found,) = cursor.fetchone()

    assert found == dt.date(1000 if day in ("-infinity", "0044-03-15 BC") else 9000, 1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize("moment", ["10000-01-01", "infinity", "294276-12-31", "-infinity"])
def test_a_row_with_an_unreadable_moment_stops_no_page_no_command_and_no_sweep(
    world: World, admin_client: Client, zone: str, moment: str
) -> None:
    wolves, good, bad = guild(members=3), gift_code("GOOD"), gift_code("BAD")
    world.knows(wolves)
    world.has(good)
    world.has(bad)
    runs = [world.begin(wolves, code) for code in (good, bad)]
    run(
        "UPDATE giftcodes_giftcode SET first_seen_at = %s, doubted_at = %s WHERE id = %s",
        moment,
        moment,
        bad.pk,
    )
    run("UPDATE giftcodes_redemption SET locked_at = %s WHERE gift_code_id = %s", moment, bad.pk)
    admin_client.cookies["timezone"] = zone

    pages = [
        "/admin/",
        *(reverse(f"admin:giftcodes_{name}_changelist") for name in ("giftcode", "redemption")),
    ]
    pages += [reverse("admin:giftcodes_giftcode_change", args=[code.pk]) for code in (good, bad)]
    pages += [reverse("admin:giftcodes_redemption_change", args=[row.pk]) for row in runs]
    assert {page: admin_client.get(page).status_code for page in pages} == dict.fromkeys(pages, 200)
    out = io.StringIO()
    call_command("status", stdout=out)
    assert "GOOD" in out.getvalue()
    world.sweep()
    world.catch_up()
    tasks.alarms()
    for _ in range(8):
        world.breathe()
    assert set(runs[0].member_redemptions.values_list("state", flat=True)) == {"redeemed"}


def test_a_code_that_cannot_be_closed_does_not_hold_up_the_others(world: World) -> None:
    ended = database_now() - dt.timedelta(hours=1)
    bad, good = gift_code(expires_at=ended), gift_code(expires_at=ended)
    heal = poison("giftcodes_giftcode", bad.pk)

    world.sweep()
    world.sweep()

    assert GiftCode.objects.get(pk=good.pk).state == CodeState.CLOSED
    assert GiftCode.objects.get(pk=bad.pk).state == CodeState.ACTIVE
    assert standing() == [f"sweep: code {bad.pk}"]
    message = Alarm.objects.get().message
    assert "Everything else is handled" in message
    assert "my-secret-value" not in message

    heal()
    world.sweep()

    assert GiftCode.objects.get(pk=bad.pk).state == CodeState.CLOSED
    assert standing() == []


def test_a_claim_that_cannot_be_recovered_does_not_hold_up_the_others(world: World) -> None:
    wolves, code = guild(members=3), gift_code(proven_at=database_now())
    world.knows(wolves)
    row = world.begin(wolves, code)
    MemberRedemption.objects.update(
        state="in_flight", token=1, lease_until=database_now() - dt.timedelta(minutes=1)
    )
    bad = row.member_redemptions.order_by("pk")[1]
    heal = poison("giftcodes_memberredemption", bad.pk)

    world.sweep()

    assert list(row.member_redemptions.in_flight().values_list("pk", flat=True)) == [bad.pk]
    assert f"sweep: claim {bad.pk}" in standing()
    heal()
    world.sweep()
    assert not row.member_redemptions.in_flight().filter(lease_until__lt=database_now()).exists()
    assert standing() == []


def test_a_run_that_cannot_be_finished_does_not_hold_up_the_others(world: World) -> None:
    first, second = (world.begin(guild(members=1), gift_code()) for _ in range(2))
    MemberRedemption.objects.update(state="failed", next_attempt_at=None)
    poison("giftcodes_redemption", first.pk)

    world.sweep()

    states = dict(Redemption.objects.values_list("pk", "state"))
    assert states == {first.pk: "running", second.pk: "complete"}


def test_leavers_who_cannot_be_withdrawn_do_not_hold_up_the_other_leavers(world: World) -> None:
    wolves, bears, code = guild(members=2), guild(members=2), gift_code()
    first, second = world.begin(wolves, code), world.begin(bears, code)
    wolves.members.update(active=False)
    bears.members.update(active=False)
    poison("giftcodes_memberredemption", first.member_redemptions.order_by("pk")[0].pk)

    world.catch_up()

    assert set(second.member_redemptions.values_list("state", flat=True)) == {"cancelled"}
    assert set(first.member_redemptions.values_list("state", flat=True)) == {"pending"}
    assert f"catch-up: redemption {first.pk}" in standing()


def test_a_game_that_fails_does_not_stop_the_ticks_of_the_others() -> None:
    done: list[str] = []

    def work(game: str) -> None:
        if game == "bad":
            raise KeyError(game)
        done.append(game)

    with pytest.raises(KeyError):
        tasks.for_each(["one", "bad", "two"], work)
    assert done == ["one", "two"]


@pytest.mark.django_db
def test_dispatch_works_although_a_date_of_another_code_is_at_the_end_of_time(world: World) -> None:
    wolves, code, bad = guild(members=2), gift_code(proven_at=database_now()), gift_code()
    world.begin(wolves, code)
    run("UPDATE giftcodes_giftcode SET first_seen_at = '294276-12-31' WHERE id = %s", bad.pk)
    assert dispatch("simulator")


# --- Lengths of time in the settings --------------------------------------------------------------
@pytest.mark.parametrize("name", ["KEEP_ATTEMPTS_DAYS", "KEEP_JOURNAL_DAYS"])
@pytest.mark.parametrize(
    ("days", "is_refused"), [(0, False), (2, False), (36_500, False), (1, True), (10**9, True)]
)
def test_a_number_of_days_that_is_too_small_or_too_large_is_refused_at_the_start(
    settings: Any, name: str, days: int, is_refused: bool
) -> None:
    setattr(settings, name, days)
    assert bool(check_retention()) is is_refused


@pytest.mark.parametrize("seconds", [2.9, 86_401.0, 1e15, float("inf"), float("nan")])
def test_an_interval_of_polls_that_is_too_short_or_too_long_is_refused_at_the_start(
    settings: Any, seconds: float
) -> None:
    here = replace(settings.PROVIDERS["simulator"], poll_seconds=seconds)
    settings.PROVIDERS = {"simulator": here}
    (found,) = check_poll_interval()
    assert "SIMULATOR_POLL_SECONDS" in found.msg


# --- Beat -----------------------------------------------------------------------------------------
def _entry(name: str, **fields: Any) -> PeriodicTask:
    every, _made = IntervalSchedule.objects.get_or_create(every=10, period="seconds")
    return PeriodicTask.objects.create(
        **{"name": name, "task": "giftcodes.tasks.sweep", "interval": every, **fields}
    )


@pytest.fixture
def beat(db: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[], TolerantScheduler]:
    """A scheduler that reads the schedule inside the test's transaction."""
    monkeypatch.setattr("django_celery_beat.schedulers.close_old_connections", lambda: None)
    return lambda: TolerantScheduler(app=app)


def _without_bounds() -> None:
    run("SET CONSTRAINTS ALL IMMEDIATE")
    for table, column in MIGRATION.OF_BEAT:
        run(f"ALTER TABLE {table} DROP CONSTRAINT {MIGRATION.constraint(table, column)}")


@pytest.mark.parametrize("column", ["expires", "start_time", "last_run_at"])
@pytest.mark.parametrize(
    "moment", ["10000-01-01 04:59+00", "infinity", "-infinity", "9999-12-31 23:59+00"]
)
def test_a_moment_at_the_end_of_time_does_not_end_beat(
    beat: Callable[[], TolerantScheduler], column: str, moment: str
) -> None:
    _entry("Good")
    bad = _entry("Bad")
    _without_bounds()
    run(f"UPDATE django_celery_beat_periodictask SET {column} = %s WHERE id = %s", moment, bad.pk)

    scheduler = beat()
    for entry in scheduler.schedule.values():
        entry.is_due()
    scheduler.populate_heap()

    assert "Good" in scheduler.schedule


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE django_celery_beat_periodictask SET headers = 'nonsense' WHERE name = 'Bad'",
        "UPDATE django_celery_beat_periodictask SET interval_id = NULL WHERE name = 'Bad'",
        "UPDATE django_celery_beat_intervalschedule "
        "SET every = 2147483647, period = 'days' WHERE every = 77",
        "UPDATE django_celery_beat_intervalschedule "
        "SET every = 3650000, period = 'days' WHERE every = 77",
        "UPDATE django_celery_beat_intervalschedule SET period = 'moons' WHERE every = 77",
    ],
)
def test_a_row_of_the_schedule_that_cannot_be_used_is_left_out_and_the_others_go_on(
    beat: Callable[[], TolerantScheduler], harm: str
) -> None:
    _entry("Good")
    _entry("Bad", interval=IntervalSchedule.objects.create(every=77, period="seconds"))
    run(harm)

    scheduler = beat()
    scheduler.populate_heap()

    assert scheduler.schedule["Good"].is_due()
    assert "Bad" not in scheduler.schedule
    assert standing() == ["beat: Bad"]
    run("DELETE FROM django_celery_beat_periodictask WHERE name = 'Bad'")
    assert "Good" in beat().schedule
    assert standing() == []


def test_a_schedule_row_that_its_model_would_refuse_gets_a_last_run_and_does_not_end_beat(
    beat: Callable[[], TolerantScheduler],
) -> None:
    entry = _entry("Bad")
    run(
        "UPDATE django_celery_beat_periodictask "
        "SET expires = now() + interval '1 day', expire_seconds = 5"
    )
    scheduler = beat()
    scheduler.reserve(scheduler.schedule["Bad"])

    scheduler.schedule["Bad"].save()
    scheduler.sync()

    entry.refresh_from_db()
    assert entry.last_run_at is not None
