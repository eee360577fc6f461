"""Measures what `make up` leaves on the disk in a month at rest with ten codes.

The month passes in fast motion: the clock of the database is put forward, an hour at a time. Each
time, every task of `ROUND` is sent once, through the broker, and the workers of `make up` run it.
A system that really rests for a month sends over a hundred times as many messages, all of them like
these; a figure says what share was sent. Codes, runs, messages to channels, outages of the feed,
logins and failed logins are as many as in a real month.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import redis
import requests
from celery import Celery
from kombu import Connection

from benchmarks.conftest import report
from redeemer.localserver.home import REPOSITORY, Home
from simulator import Simulator
from tests.clients.channels.recorder import http_recorder
from tests.localserver.running import Up, fresh_home
from tests.waiting import wait_for
from tests.year.clock import COLUMNS_WITH_CLOCK

DAYS, CODES, MEMBERS = 30, 10, 100
#: The time between two rounds of the schedule.
ROUND_SECONDS = 3_600
#: Every third day, the feed fails in this many polls, which are this many seconds apart. An alarm
#: is raised only if its cause lasts for some time. If the checks of alarms were over five minutes
#: apart, this time would begin again at each check (`alarms.BLIND_AFTER`).
OUTAGE_ROUNDS, OUTAGE_SECONDS = 20, 240
#: The tasks of a round: every task that runs at least every few minutes, with its longest pause at
#: rest in seconds.
ROUND = {
    "tick": 4,
    "poll": 60,
    "announce": 60,
    "directory": 60,
    "sweep": 10,
    "catch_up": 60,
    "alarms": 60,
    "keep_figures": 60,
    "weekly": 300,
}
#: How many messages a system at rest sends in a day.
MESSAGES_A_DAY = 86_400 * sum(1 / seconds for seconds in ROUND.values())
MB, MiB = 1_000_000, 1024 * 1024

_FILL = """
import django
django.setup()
from benchmarks.filling import fill
from giftcodes.models import Channel
fill(guilds=1, members={members}, codes=0)
Channel.objects.create(guild_id=1, name="main", address="json://127.0.0.1:{port}/", tells="all")
"""
_CLOCK = """
CREATE SCHEMA travel;
CREATE TABLE travel.ahead (seconds double precision NOT NULL);
INSERT INTO travel.ahead VALUES (0);
CREATE FUNCTION travel.clock_timestamp() RETURNS timestamptz VOLATILE LANGUAGE sql AS
$$ SELECT pg_catalog.clock_timestamp() + make_interval(secs => seconds) FROM travel.ahead $$;
ALTER ROLE CURRENT_USER SET search_path = travel, pg_catalog, public;
"""
#: Django and axes read the computer's clock, which is not put forward. These statements also put
#: forward the times in the rows that Django and axes have just written.
_OF_TODAY = """
UPDATE django_session
SET expire_date = expire_date + (SELECT make_interval(secs => seconds) FROM travel.ahead)
WHERE expire_date < pg_catalog.clock_timestamp() + interval '14 days';
UPDATE axes_accesslog SET attempt_time = clock_timestamp()
WHERE attempt_time < pg_catalog.clock_timestamp();
UPDATE axes_accessattempt SET attempt_time = clock_timestamp()
WHERE attempt_time < pg_catalog.clock_timestamp();
"""


def bench_a_month_at_rest() -> None:
    with (
        Simulator(salt="month", rate="unlimited", player_gap=0) as simulator,
        http_recorder() as channel,
        fresh_home() as folder,
    ):
        simulator.merge(
            {"players": {str(200_000_000 + n): {"realm": 1042} for n in range(1, MEMBERS + 1)}}
        )
        home = folder / "home"
        settings = {
            "DEMO": "0",
            "SIMULATOR_SALT": "month",
            "SIMULATOR_API_URL": simulator.api_url,
            "SIMULATOR_FEED_URL": simulator.feed_url,
            "SIMULATOR_RATE": "unlimited",
            "CHANNEL_PRIVATE_HOSTS": "127.0.0.1",
            "OPERATOR_CHANNEL": f"json://127.0.0.1:{channel.port}/",
        }
        with _running(home, settings) as up:
            _prepare(up, channel.port)
        with _running(home, settings) as up, _Month(up, simulator) as month:
            month.live()
        assert len(channel.paths) >= CODES
    for part, size in month.largest.items():
        report(f"A month at rest: {part}", size / MB, unit="MB")
    report(
        "A month at rest: the data folder at its largest",
        sum(month.largest.values()) / MB,
        limit=200,
        unit="MB",
    )
    # In a real month, the servers write enough to reach the bounds, which are checked by
    # tests/localserver/test_disk.py. Here they may write too little for that.
    bounds = {"the log of changes (WAL)": 96 * MiB, "the broker's files": 16 * MiB}
    bounds["the servers' logs"] = 4 * MB
    report(
        "A month at rest: the data folder with all logs at their bounds (calculated)",
        sum((month.largest | bounds).values()) / MB,
        limit=200,
        unit="MB",
    )
    if month.programs:
        report(
            "A month at rest: the programs of PostgreSQL, copied for another user, as well",
            month.programs / MB,
            unit="MB",
        )
    report("A month at rest: written to the log of changes", month.written / MB, unit="MB")
    report("A month at rest: messages that really ran", month.messages, unit="")
    share = 100 * month.messages / (DAYS * MESSAGES_A_DAY)
    report("A month at rest: share of the messages of a real month", share, unit="%")


@contextmanager
def _running(home: Path, settings: dict[str, str]) -> Iterator[Up]:
    up = Up(home, **settings)
    try:
        yield up
    finally:
        up.clean_up()


def _prepare(up: Up, port: int) -> None:
    """Add the guild and its channel, and replace the clock of the database."""
    script = _FILL.format(members=MEMBERS, port=port)
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=REPOSITORY,
        env=up.environment | {"DJANGO_SETTINGS_MODULE": "redeemer.settings"},
        check=True,
    )
    with psycopg.connect(_servers(up)["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(_CLOCK)
        for table, column in connection.execute(COLUMNS_WITH_CLOCK).fetchall():
            connection.execute(
                f'ALTER TABLE "{table}" ALTER COLUMN "{column}" '  # type: ignore[arg-type]
                "SET DEFAULT travel.clock_timestamp()"
            )


def _servers(up: Up) -> dict[str, str]:
    """The addresses of the servers of a running `make up`."""
    found: dict[str, str] = json.loads(Home(up.home).environment.read_text(encoding="utf-8"))
    return found


class _Month:
    """A month of a running `make up`.

    `largest` has the size of each part of the data folder in bytes when the whole was largest.
    `written` is how many bytes were written to the log of changes, and `messages` how many messages
    were sent.
    """

    def __init__(self, up: Up, simulator: Simulator) -> None:
        self.largest: dict[str, int] = {}
        self.programs = self.written = self.messages = 0
        self._up, self._simulator = up, simulator
        addresses = _servers(up)
        self._database = psycopg.connect(addresses["DATABASE_URL"], autocommit=True)
        self._broker = redis.Redis.from_url(addresses["REDIS_URL"])
        self._celery = Celery(broker=addresses["REDIS_URL"], set_as_current=False)
        self._connection: Connection = self._celery.connection_for_write()
        self._password = (up.home / "admin-password").read_text(encoding="utf-8").strip()

    def __enter__(self) -> _Month:
        return self

    def __exit__(self, *_error: object) -> None:
        self._connection.release()
        self._celery.close()
        self._broker.close()
        self._database.close()

    def live(self) -> None:
        """Let all days pass."""
        begin = self._position()
        for day in range(1, DAYS + 1):
            if day % (DAYS // CODES) == 0:
                self._publish(day // (DAYS // CODES))
                self._lose_feed()
                self._visit()
            for _ in range(86_400 // ROUND_SECONDS):
                self._pass_time(ROUND_SECONDS)
                self._send(*ROUND)
            self._send("prune")
            self._measure()
        self.written = self._position() - begin
        alarms = "SELECT count(*) FROM giftcodes_alarm WHERE kind = 'feed_silent'"
        assert self._one(alarms) >= CODES, "Each outage must raise an alarm."

    def _pass_time(self, seconds: int) -> None:
        self._database.execute("UPDATE travel.ahead SET seconds = seconds + %s", [seconds])

    def _lose_feed(self) -> None:
        """Let the feed fail until there is an alarm, and answer again until the alarm is over."""
        fault = {"fault": "status", "status": 503, "times": OUTAGE_ROUNDS}
        self._simulator.merge({"feed_faults": [fault]})
        for _ in range(2 * OUTAGE_ROUNDS):
            self._pass_time(OUTAGE_SECONDS)
            # Without `force`, a feed that fails is polled less often.
            self._send("poll", force=True)
            self._send("alarms", "announce")
            self._wait_for_alarms()

    def _wait_for_alarms(self) -> None:
        """Wait until the alarms have been evaluated since the clock was put forward."""
        recent = f"clock_timestamp() - interval '{OUTAGE_SECONDS - 40} s'"
        done = f"SELECT at > {recent} FROM giftcodes_cursor WHERE name = 'alarms'"
        wait_for(lambda: bool(self._one(done)), "the alarms to be evaluated")

    def _send(self, *tasks: str, **arguments: Any) -> None:
        """Send a message for each task, and wait until workers have taken all of them."""
        for task in tasks:
            self._celery.send_task(
                f"giftcodes.tasks.{task}",
                kwargs=arguments,
                queue="control",
                connection=self._connection,
            )
        self.messages += len(tasks)
        wait_for(lambda: not self._broker.llen("control"), "the workers to take all messages")

    def _publish(self, number: int) -> None:
        """Publish a code, and wait until every member has it."""
        today: dt.date = self._one("SELECT clock_timestamp()::date")
        name = f"MONTH{number}"
        self._simulator.merge({"codes": {name: {}}, "feed": [f"{name} {today:%d.%m.%Y}"]})
        self._send("poll", force=True)
        done = "SELECT count(*) FROM giftcodes_memberredemption WHERE state = 'redeemed'"
        wait_for(lambda: self._one(done) == number * MEMBERS, f"{name} to be redeemed")
        told = "SELECT count(*) FROM giftcodes_announcement WHERE kind = 'complete'"
        wait_for(
            lambda: self._one(f"{told} AND state = 'done'") == number,
            f"the end of {name} to be told",
        )

    def _visit(self) -> None:
        """`admin` logs in, opens a page and does not log out. A stranger tries a wrong password."""
        site = f"http://127.0.0.1:{self._up.port}"
        for password in (self._password, "wrong"):
            with requests.Session() as browser:
                browser.get(f"{site}/admin/login/")
                form = {
                    "username": "admin",
                    "password": password,
                    "csrfmiddlewaretoken": browser.cookies["csrftoken"],
                }
                browser.post(f"{site}/admin/login/?next=/admin/", data=form)
                browser.get(f"{site}/admin/giftcodes/guild/1/change/")
        self._database.execute(_OF_TODAY)

    def _measure(self) -> None:
        sizes: dict[str, int] = defaultdict(int)
        for path in self._up.home.rglob("*"):
            try:
                sizes[_part(path.relative_to(self._up.home))] += path.lstat().st_blocks * 512
            except FileNotFoundError:
                continue
        self.programs = sizes.pop("programs", 0)
        if sum(sizes.values()) > sum(self.largest.values()):
            self.largest = dict(sizes)

    def _position(self) -> int:
        """How many bytes were ever written to the log of changes."""
        return int(self._one("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"))

    def _one(self, statement: str) -> Any:
        row = self._database.execute(statement).fetchone()  # type: ignore[call-overload]
        assert row is not None
        return row[0]


def _part(path: Path) -> str:
    """The part of the data folder to which a file belongs."""
    top = path.parts[0]
    if top == "postgres":
        return "the log of changes (WAL)" if path.parts[1:2] == ("pg_wal",) else "the database"
    if top.startswith("postgresql-"):
        return "programs"
    return {"valkey": "the broker's files", "log": "the servers' logs"}.get(top, "everything else")
