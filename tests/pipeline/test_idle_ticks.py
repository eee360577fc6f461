"""Beat sends few ticks while there is nothing to do, and one at the moment when there is."""

from __future__ import annotations

import datetime as dt
import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from giftcodes.clients.games.config import Rate
from giftcodes.models import Announcement, DeliveryState, Feed, PauseKind, RateBudget, database_now
from giftcodes.models.games import game
from giftcodes.pipeline import directory, dispatch, poll
from redeemer import beat
from redeemer.celery import app
from tests.factories import gift_code, guild, member
from tests.pipeline.conftest import World, statements
from tests.waiting import PATIENCE_SECONDS


@pytest.fixture
def running(world: World, settings: Any) -> World:
    """A run of three members, of whom nobody was asked, and a game with a limit."""
    here = settings.PROVIDERS["simulator"]
    settings.PROVIDERS = {
        **settings.PROVIDERS,
        "simulator": replace(here, rate=Rate(requests=30, seconds=60.0)),
    }
    home = guild("Home")
    for _ in range(3):
        member(home)
    world.begin(home, gift_code("FROST"))
    return world


def budget(**fields: Any) -> None:
    RateBudget.objects.update_or_create(provider="simulator", defaults=fields)


def entry(*, task: str = "tick", seconds_ago: float) -> beat.TolerantEntry:
    """An entry of the schedule, which was sent this long ago, and is sent every second."""
    PeriodicTask.objects.filter(name=f"A {task}").delete()
    every, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
    row = PeriodicTask.objects.create(
        name=f"A {task}", task=f"giftcodes.tasks.{task}", interval=every
    )
    row.last_run_at = timezone.now() - dt.timedelta(seconds=seconds_ago)
    return beat.TolerantEntry(row, app=app)


def test_without_work_nothing_becomes_due(world: World) -> None:
    assert dispatch.seconds_until_due() is None


def test_a_row_that_waits_is_due_now(running: World) -> None:
    assert dispatch.seconds_until_due() == 0
    budget()
    assert dispatch.seconds_until_due() == 0


def test_when_a_window_is_used_up_the_next_one_is_waited_for(running: World) -> None:
    now = database_now()
    ends = now + dt.timedelta(seconds=4000)
    budget(used=30, permits_until=ends, window_ends_at=ends)
    wait = dispatch.seconds_until_due()
    assert wait is not None
    assert 3000 < wait <= 4000

    budget(used=29)
    assert dispatch.seconds_until_due() == 0


def test_the_end_of_a_pause_is_waited_for_but_not_a_person(running: World) -> None:
    until = database_now() + dt.timedelta(seconds=4000)
    budget(pause_kind=PauseKind.UNKNOWN, paused_until=until)
    wait = dispatch.seconds_until_due()
    assert wait is not None
    assert 3000 < wait <= 4000

    budget(pause_kind=PauseKind.OPERATOR, paused_until=None)
    assert dispatch.seconds_until_due() is None


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle beat sends a tick every hour, so that a slow machine changes nothing."""
    task = "giftcodes.tasks.tick"
    monkeypatch.setitem(
        beat._IDLE,
        task,
        beat._Idle(lambda: dispatch.seconds_until_due(), longest_seconds=3600.0, look_seconds=1.0),
    )


def test_an_idle_beat_looks_for_work_and_sends_few_ticks(world: World, patient: None) -> None:
    due = entry(seconds_ago=2).is_due()
    assert (due.is_due, due.next) == (False, 1.0)

    assert entry(seconds_ago=3601).is_due().is_due


def test_a_tick_is_sent_at_once_when_a_row_waits(running: World, patient: None) -> None:
    assert entry(seconds_ago=2).is_due().is_due


def test_a_tick_is_sent_when_the_window_opens(
    world: World, patient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "seconds_until_due", lambda: 0.4)

    due = entry(seconds_ago=2).is_due()

    assert (due.is_due, due.next) == (False, 0.4)


@pytest.mark.parametrize(("opens_in", "waits"), [(0.2, 0.2), (1.5, 0), (None, 0)])
def test_no_tick_is_sent_shortly_before_the_window_opens(
    world: World,
    patient: None,
    monkeypatch: pytest.MonkeyPatch,
    opens_in: float | None,
    waits: float,
) -> None:
    """It would be the last one for an interval, and the window would wait for the next."""
    monkeypatch.setattr(dispatch, "seconds_until_due", lambda: opens_in)

    due = entry(seconds_ago=3601).is_due()

    assert due.is_due == (waits == 0)
    if waits:
        assert due.next == waits


def test_an_entry_with_a_crontab_is_sent_in_its_minute(
    world: World, patient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "seconds_until_due", lambda: 0.2)
    row = entry(seconds_ago=7200).model
    row.crontab, row.interval = CrontabSchedule.objects.create(), None

    assert beat.TolerantEntry(row, app=app).is_due().is_due


def test_a_tick_is_sent_if_the_database_does_not_say_what_is_due(
    world: World, patient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise DatabaseError

    monkeypatch.setattr(dispatch, "seconds_until_due", fail)

    assert entry(seconds_ago=2).is_due().is_due


def test_a_poll_waits_for_the_feed(world: World) -> None:
    """The world's feed is due, and then it is not."""
    assert poll.seconds_until_due() == 0

    world.poll()

    wait = poll.seconds_until_due()
    assert wait is not None
    assert 0 < wait <= game("simulator").poll_seconds
    Feed.objects.update(next_poll_at=database_now())
    assert poll.seconds_until_due() == 0
    Feed.objects.update(enabled=False)
    assert poll.seconds_until_due() is None


def test_an_edit_of_the_schedule_is_looked_for_every_few_seconds(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django_celery_beat.schedulers.close_old_connections", lambda: None)
    monkeypatch.setattr(beat, "_EDITS_SECONDS", 3600.0)
    scheduler = beat.TolerantScheduler(app=app)
    assert scheduler.schedule

    assert statements(scheduler.schedule_changed) == []
    monkeypatch.setattr(beat, "_EDITS_SECONDS", 0.0)
    assert len(statements(scheduler.schedule_changed)) == 1


def test_an_entry_is_looked_at_once_when_it_is_due(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    task = "giftcodes.tasks.tick"
    idle = beat._Idle(lambda: looks.append(time.monotonic()), longest_seconds=2.3, look_seconds=9)
    monkeypatch.setitem(beat._IDLE, task, idle)
    monkeypatch.setattr("django_celery_beat.schedulers.close_old_connections", lambda: None)
    sent: list[str] = []
    monkeypatch.setattr(
        beat.TolerantScheduler, "apply_entry", lambda _self, entry, **_: sent.append(entry.task)
    )
    scheduler = beat.TolerantScheduler(app=app)
    monkeypatch.setattr(scheduler, "_schedule", {task: entry(seconds_ago=2)})
    monkeypatch.setattr(beat.TolerantScheduler, "schedule", property(lambda one: one._schedule))

    while not sent:
        time.sleep(max(scheduler.tick(), 0))

    assert len(looks) <= 3, "one at the start, one when the entry was sent, and a rounded one"


def is_sent(task: str) -> bool:
    """Whether beat sends the entry of a task that it has sent two seconds ago."""
    return bool(entry(task=task, seconds_ago=2).is_due().is_due)


def test_messages_are_sent_while_one_waits(world: World) -> None:
    assert not is_sent("announce")

    row = Announcement.objects.create(kind=Announcement.Kind.TEST)
    assert is_sent("announce")
    Announcement.objects.update(state=DeliveryState.DONE)
    assert not is_sent("announce")
    Announcement.objects.filter(pk=row.pk).update(lease_until=database_now())
    assert is_sent("announce")


def test_players_are_looked_up_while_a_game_has_a_directory(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "providers_with_directory", list)
    assert not is_sent("directory")

    monkeypatch.setattr(directory, "providers_with_directory", lambda: ["simulator"])
    assert is_sent("directory")


def test_an_entry_with_arguments_is_sent_at_its_interval(world: World) -> None:
    """Such as an operator's own entry that polls a feed although it is not due."""
    own = entry(seconds_ago=2)
    own.kwargs = {"force": True}

    assert own.is_due().is_due


@pytest.mark.django_db(transaction=True)
def test_a_locked_table_does_not_stop_the_other_entries() -> None:
    announce = entry(task="announce", seconds_ago=6)
    sent: list[bool] = []

    def look() -> None:
        sent.append(announce.is_due().is_due)
        connection.close()

    thread = threading.Thread(target=look)
    with transaction.atomic():
        connection.cursor().execute("LOCK TABLE giftcodes_announcement IN ACCESS EXCLUSIVE MODE")
        thread.start()
        thread.join(PATIENCE_SECONDS)
        assert sent == [True]
