"""If workers are killed, a run is never announced twice.

An announcement may be missing only if a worker was killed while it sent it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.clients.channels.standin import StandIn, running
from tests.system.machinery import CELERY, QUIET, System, system
from tests.waiting import wait_for

GUILDS, MEMBERS, CHANNELS = 3, 4, 2
#: A claim lasts for the longest time that sending may take, plus the margin.
ANNOUNCE_SECONDS, MARGIN_SECONDS = 3.0, 2.0
SENDERS = ("control", "control-2")


@dataclass
class Stage:
    """A system that announces to a stand-in for Discord. Now and then a worker is killed."""

    system: System
    discord: StandIn
    random: random.Random
    kills: list[float] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)

    def rows(self, statement: str, *parameters: Any) -> list[Any]:
        with psycopg.connect(self.system.environment["DATABASE_URL"]) as connection:
            return connection.execute(statement, parameters).fetchall()  # type: ignore[arg-type]

    def do(self, statement: str, *parameters: Any) -> None:
        with psycopg.connect(self.system.environment["DATABASE_URL"]) as connection:
            connection.execute(statement, parameters)  # type: ignore[arg-type]

    def launch(self, name: str) -> None:
        self.system.launch(
            name, [*CELERY, "worker", "-Q", "control", "-c", "4", "-n", f"{name}@%h", *QUIET]
        )

    def begin(self) -> str:
        """Add a new code, which the catch-up redeems for every guild."""
        code = f"Told{len(self.codes):04d}"
        self.codes.append(code)
        self.system.world(codes={code: {}})
        self.do(
            "INSERT INTO giftcodes_giftcode (provider, code, folded, issue, source, rewards, "
            "first_seen_at, state, reason, closed_outcome, doubt_outcome, doubt_player_id, probes) "
            "VALUES ('simulator', %s, %s, 1, 'admin', '', now(), 'active', '', '', '', '', 0)",
            code,
            code.lower(),
        )
        return code

    def kill_one(self) -> None:
        """Kill a worker at a random moment, often while a message is being sent."""
        before = self.discord.arrivals
        if self.random.random() < 0.7:
            wait_for(lambda: self.discord.arrivals > before, "a message")
            time.sleep(self.random.uniform(0, 0.35))
        else:
            time.sleep(self.random.uniform(0, 3))
        name = self.random.choice(SENDERS)
        os.killpg(self.system.processes[name].pid, signal.SIGKILL)
        self.system.processes[name].wait()
        self.kills.append(time.time())
        self.launch(name)

    def is_told(self, code: str) -> bool:
        """Whether each run of the code is complete, and none of its announcements is under way."""
        found = self.rows(
            "SELECT count(*) FILTER (WHERE r.state = 'complete'), "
            "(SELECT count(*) FROM giftcodes_announcement a "
            "JOIN giftcodes_redemption x ON x.id = a.redemption_id "
            "JOIN giftcodes_giftcode y ON y.id = x.gift_code_id "
            "WHERE y.code = %s AND a.state NOT IN ('waiting', 'sent')) "
            "FROM giftcodes_redemption r JOIN giftcodes_giftcode c ON c.id = r.gift_code_id "
            "WHERE c.code = %s",
            code,
            code,
        )
        # A run has two rows for each channel, even if its start and its end were one message.
        return bool(found[0][0] == GUILDS and found[0][1] == 2 * GUILDS * CHANNELS)

    def shown(self) -> dict[tuple[str, str], Counter[str]]:
        """How many messages show the start, and the end, for each channel and code."""
        counted: dict[tuple[str, str], Counter[str]] = {}
        for message in self.discord.messages.values():
            code = message.titles[0].split(": ")[1].split(" for ")[0]
            parts = counted.setdefault((message.channel, code), Counter())
            parts["started"] += message.titles[0].startswith("🎁 Auto-Redeem Started")
            parts["complete"] += message.titles[-1].startswith("✅ Done, everyone has it")
        return counted

    def judge(self) -> dict[str, int]:
        """Check every run. Returns the figures.

        Raises:
            AssertionError: a run was announced twice, or a message is missing although no worker
                was killed while it was sent.
        """
        rows = self.rows(
            "SELECT ch.name, c.code, a.kind, a.state, extract(epoch FROM a.sending_at) "
            "FROM giftcodes_announcement a JOIN giftcodes_redemption r ON r.id = a.redemption_id "
            "JOIN giftcodes_channel ch ON ch.id = a.channel_id "
            "JOIN giftcodes_giftcode c ON c.id = r.gift_code_id"
        )
        assert len(rows) == 2 * GUILDS * CHANNELS * len(self.codes)
        shown, figures = (
            self.shown(),
            Counter({"runs": GUILDS * len(self.codes), "kills": len(self.kills)}),
        )
        for channel, code, kind, state, sending_at in rows:
            number = shown.get((channel, code), Counter())[kind]
            assert number <= 1, f"{code} was announced {number} times ({kind})."
            was_killed = sending_at is not None and any(
                float(sending_at) <= kill <= float(sending_at) + ANNOUNCE_SECONDS + MARGIN_SECONDS
                for kill in self.kills
            )
            assert number == 1 or was_killed, f"{code}, {kind}: {state}, and no worker was killed."
            assert state != "unknown" or was_killed, (
                f"{code}, {kind}: unknown, and no worker was killed."
            )
            figures[f"{kind} shown"] += number
            figures["unknown"] += state == "unknown"
            figures["missing"] += number == 0
        figures["requests"] = len(self.discord.requests)
        return dict(figures)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    shortened = {
        "ANNOUNCE_MARGIN_SECONDS": MARGIN_SECONDS,
        "EDIT_SECONDS": 0.5,
        "REST_SECONDS": 1.0,
        "LEASE_MARGIN_SECONDS": 1.0,
    }
    with (
        running() as discord,
        system(
            tmp_path,
            SIMULATOR_SALT="told",
            SIMULATOR_RATE="unlimited",
            HTTP_SECONDS="3",
            LEASE_SECONDS="5",
            ANNOUNCE_SECONDS=str(ANNOUNCE_SECONDS),
            ANNOUNCE_MAX="3",
            REDEEMER_FAULTS="1",
            REDEEMER_FAULT_TIMES=",".join(f"{name}={value}" for name, value in shortened.items()),
        ) as here,
    ):
        discord.latency_seconds = 0.15
        discord.forgets = True
        here.start_game("--rate", "unlimited", "--latency", "0.1", "--players", "0")
        here.environment |= {"SIMULATOR_API_URL": f"{here.game_url}/api/gift_code"}
        stage = Stage(here, discord, random.Random(2026))
        _settle_in(stage)
        yield stage


def _settle_in(stage: Stage) -> None:
    stage.do(
        "UPDATE django_celery_beat_periodictask SET interval_id = "
        "(SELECT min(id) FROM django_celery_beat_intervalschedule "
        "WHERE every = 1 AND period = 'seconds') WHERE task LIKE 'giftcodes.%%'"
    )
    players = {str(700_000_000 + number): {"realm": 1} for number in range(GUILDS * MEMBERS)}
    stage.system.world(players=players)
    for number in range(GUILDS):
        stage.do(
            "INSERT INTO giftcodes_guild "
            "(name, provider, realm, active, automatic, priority, notes, created_at) "
            "VALUES (%s, 'simulator', 1, true, true, 0, '', now())",
            f"Guild {number}",
        )
    for position, (guild_id,) in enumerate(
        stage.rows("SELECT id FROM giftcodes_guild ORDER BY id")
    ):
        for number in range(CHANNELS):
            channel = 10 * guild_id + number
            stage.do(
                "INSERT INTO giftcodes_channel (guild_id, name, address) VALUES (%s, %s, %s)",
                guild_id,
                str(channel),
                stage.discord.address(channel),
            )
        stage.do(
            "INSERT INTO giftcodes_member "
            "(guild_id, player_id, nickname, active, opted_out, joined_at) "
            "SELECT %s, player, '', true, false, now() FROM unnest(%s::text[]) player",
            guild_id,
            list(players)[position * MEMBERS : (position + 1) * MEMBERS],
        )
    for name in SENDERS:
        stage.launch(name)
    stage.system.start_worker("redeem", 8)
    stage.system.launch("beat", [*CELERY, "beat", "--pidfile=", "--loglevel", "INFO"])


def _play(stage: Stage, rounds: int) -> dict[str, int]:
    for _ in range(rounds):
        code = stage.begin()
        stage.kill_one()
        wait_for(lambda code=code: stage.is_told(code), f"{code} announced")  # type: ignore[misc]
    return stage.judge()


@pytest.mark.system
def test_a_run_is_announced_once_although_workers_are_killed(stage: Stage) -> None:
    _play(stage, 3)


@pytest.mark.system
@pytest.mark.long
def test_a_run_is_announced_once_although_workers_are_killed_fifty_times(stage: Stage) -> None:
    begun = time.monotonic()
    figures = _play(stage, int(os.environ.get("ROUNDS", "50")))
    print(json.dumps({**figures, "seconds": round(time.monotonic() - begun)}))
