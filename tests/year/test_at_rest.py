"""A system at rest, with the scheduled tasks and a few visitors: no table may grow for ever."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessLog
from celery import current_app
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import F
from django.test import Client
from django.utils import timezone

from giftcodes.models import Alarm, Announcement, Channel, Guild, Heartbeat, Member, Throttle
from giftcodes.models.clock import clock_plus
from giftcodes.notifications import alarms
from tests.factories import guild
from tests.pipeline.conftest import World, world
from tests.year.clock import TravellingClock
from tests.year.life import DAY

__all__ = ["world"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

#: What happens is repeated after this number of days.
PERIOD_DAYS = 2
KEPT_DAYS = 3
HALF_DAYS = 4 * PERIOD_DAYS
PASSWORD = "only-for-tests-1"
#: The tasks that beat sends. Another test may have deleted the rows of the schedule.
SCHEDULED = (
    "tick",
    "poll",
    "sweep",
    "catch_up",
    "announce",
    "alarms",
    "directory",
    "weekly",
    "keep_figures",
    "prune",
)


@pytest.fixture
def clock(world: World) -> Iterator[TravellingClock]:
    with TravellingClock() as travelling:
        yield travelling


@pytest.fixture
def wolves(world: World, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Guild:
    """A guild with a channel that takes no messages, and an officer."""
    # Here, hours pass between two checks of the alarms.
    monkeypatch.setattr(alarms, "BLIND_AFTER", dt.timedelta(days=1))
    settings.KEEP_JOURNAL_DAYS = settings.KEEP_ATTEMPTS_DAYS = KEPT_DAYS
    settings.SESSION_COOKIE_AGE = KEPT_DAYS * DAY
    row = guild("Wolves", members=5)
    world.knows(row)
    # No such host is allowed, so each message fails at once.
    Channel.objects.create(guild=row, name="main", address="json://127.0.0.2/x", tells="all")
    User.objects.create_superuser("admin", password=PASSWORD)
    return row


def rows() -> dict[str, int]:
    """The number of rows of each table."""
    with connection.cursor() as cursor:
        found = {}
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            found[table] = cursor.fetchone()[0]
    return found


def visit(address: str) -> None:
    """An officer logs in and does not log out, and a stranger tries a password."""
    for password in (PASSWORD, "wrong"):
        form = {"username": "admin", "password": password}
        Client(REMOTE_ADDR=address).post("/admin/login/", form)
    Throttle.objects.take("join", address, most=5, seconds=3_600)
    # Django and axes read the computer's clock, which does not travel.
    AccessLog.objects.filter(ip_address=address).update(attempt_time=clock_plus(0))
    AccessAttempt.objects.filter(ip_address=address).update(attempt_time=clock_plus(0))
    newest = Session.objects.exclude(expire_date__gt=timezone.now() + dt.timedelta(KEPT_DAYS))
    newest.update(expire_date=clock_plus(KEPT_DAYS * DAY))


def live(world: World, clock: TravellingClock, days: range) -> None:
    """Let days pass: every task of the schedule runs three times a day."""
    for day in days:
        visit(f"127.0.{day // 250}.{day % 250}")
        # In every period, the guild has no members for a day, which raises an alarm.
        Member.objects.update(active=day % PERIOD_DAYS < PERIOD_DAYS // 2)
        for _ in range(3):
            clock.go(DAY / 3)
            # A tick that follows another one at once does nothing.
            Heartbeat.objects.update(at=F("at") - dt.timedelta(seconds=1))
            for task in SCHEDULED:
                current_app.tasks[f"giftcodes.tasks.{task}"]()
                world.drain()


def test_no_table_grows_for_ever(world: World, clock: TravellingClock, wolves: Guild) -> None:
    live(world, clock, range(HALF_DAYS))
    half = rows()
    was = Alarm.objects.latest("pk").pk, Announcement.objects.latest("pk").pk

    live(world, clock, range(HALF_DAYS, 2 * HALF_DAYS))

    grown = {table: (half[table], number) for table, number in rows().items()}
    assert {table: pair for table, pair in grown.items() if pair[1] > pair[0]} == {}
    # Otherwise nothing would have been tested.
    assert Alarm.objects.latest("pk").pk > was[0]
    assert Announcement.objects.latest("pk").pk > was[1]
    assert half["django_session"]
    assert half["axes_accesslog"]
