"""Measures how fast codes are redeemed in a game without a limit, and each process's CPU time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest

from benchmarks.bare import BareClient
from benchmarks.conftest import report
from tests.system.machinery import System, system
from tests.waiting import wait_for

SALT = "throughput-salt"
FIRST_PLAYER = 100_000_000
REALM = 1042
THREADS = 8


@pytest.mark.parametrize(
    ("latency", "members", "least"),
    [
        pytest.param(0.0, 3_000, 200.0, id="no latency"),
        pytest.param(0.05, 1_500, 0.8 * THREADS / 0.05, id="50 ms"),
    ],
)
def bench_a_game_without_a_limit(
    tmp_path: Path, latency: float, members: int, least: float
) -> None:
    name = f"No limit, {latency * 1_000:.0f} ms latency, {THREADS} threads"
    with _running(tmp_path, members=members, latency=latency) as running:
        bare = BareClient(f"{running.game_url}/api/gift_code", SALT)
        running.world(codes={"BARE": {}})
        some = [str(FIRST_PLAYER + number) for number in range(min(members, 300))]
        report(
            f"{name}: the bare client",
            len(some) / bare.redeem_all(some, "BARE", realm=REALM),
            unit="/s",
        )

        before = _processor_seconds(running)
        running.world(codes={"FROST2026": {}}, feed=["FROST2026 24.11.2026"])
        running.manage("poll_codes", "whiteout")
        over = "SELECT count(*) = 1 FROM giftcodes_redemption WHERE state = 'complete'"
        wait_for(lambda: bool(running.rows(over)[0][0]), "the run to end", seconds=300)
        spent = {who: seconds - before[who] for who, seconds in _processor_seconds(running).items()}

        ((done, seconds),) = running.rows(
            "SELECT count(*) FILTER (WHERE outcome = 'success'), "
            "extract(epoch FROM max(answered_at) - min(sent_at))::float FROM giftcodes_attempt"
        )
        assert done == members
        report(f"{name}: redeemed", done / seconds, limit=least, unit="/s", at_least=True)
        for who, used in spent.items():
            report(f"{name}: processor, {who}", 1_000 * used / members, unit="ms each")
        report(f"{name}: processor, all", 1_000 * sum(spent.values()) / members, unit="ms each")


@contextmanager
def _running(folder: Path, *, members: int, latency: float) -> Iterator[System]:
    with system(
        folder,
        WHITEOUT_SALT=SALT,
        SIMULATOR_SALT=SALT,
        WHITEOUT_RATE="unlimited",
        MEMBERS_PER_GUILD=str(members),
    ) as running:
        running.environment |= {"SIMULATOR_API_URL": ""}
        # Make commits wait for the WAL, as in production. The test server still runs without fsync.
        with psycopg.connect(running.environment["DATABASE_URL"], autocommit=True) as connection:
            name = connection.info.dbname
            statement = f"ALTER DATABASE {name} SET synchronous_commit = on"
            connection.execute(statement)  # type: ignore[arg-type]
        running.start_game("--rate", "unlimited", "--latency", str(latency), "--player-gap", "0")
        running.environment |= {
            "WHITEOUT_API_URL": f"{running.game_url}/api/gift_code",
            "WHITEOUT_FEED_URL": f"{running.game_url}/feed",
            "WHITEOUT_POLL_SECONDS": "3600",
            "REDEEM_THREADS": str(THREADS),
        }
        players = [str(FIRST_PLAYER + number) for number in range(members)]
        for begin in range(0, members, 500):
            running.world(
                players={player: {"realm": REALM} for player in players[begin : begin + 500]}
            )
        running.manage("add_guild", "Wolves", "--provider", "whiteout", "--realm", str(REALM))
        listing = folder / "members.txt"
        listing.write_text("\n".join(players), encoding="utf-8")
        running.manage("import_members", str(listing), "--guild", "Wolves")
        running.start_workers()
        beats = "SELECT count(*) FROM giftcodes_heartbeat WHERE name = 'tick'"
        wait_for(lambda: bool(running.rows(beats)[0][0]), "the first tick", seconds=30)
        yield running


def _processor_seconds(running: System) -> dict[str, float]:
    """Return the processor seconds that each process and its children have used so far."""
    names = {
        "game": "the simulated game",
        "redeem": "redeem worker",
        "control": "control worker",
        "beat": "beat",
    }
    found = {names[name]: _used(process.pid) for name, process in running.processes.items()}
    for name, url in (("PostgreSQL", "DATABASE_URL"), ("Valkey", "REDIS_URL")):
        found[name] = _used(_listener(urlsplit(running.environment[url]).port))
    return found


def _listener(port: int | None) -> int:
    """Return the id of the process that listens on a port."""
    return next(
        one.pid
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.laddr.port == port and one.pid
    )


def _used(pid: int) -> float:
    """Return the processor seconds of a process and its children, including ended children."""
    process = psutil.Process(pid)
    return sum(process.cpu_times()[:4]) + sum(
        sum(one.cpu_times()[:2]) for one in process.children(recursive=True)
    )
