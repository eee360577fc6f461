"""Measures how close the pace comes to the game's limit.

The number of workers and guilds varies, and other programs may use the same limit.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from benchmarks.bare import BareClient
from benchmarks.conftest import report
from tests.system.machinery import System, system
from tests.waiting import wait_for

SALT, REALM = "pace-salt", 1042
LIMIT, WINDOW, LATENCY = 30, 6.0, 0.05
THREADS = 8
FIRST_PLAYER = 100_000_000
CODE = "FROST2026"


@pytest.mark.parametrize("workers", [1, 4])
def bench_100_members_at_30_in_6_s(tmp_path: Path, workers: int) -> None:
    name = f"100 members, 30 in 6 s, {workers} worker(s)"
    ideal, boundaries = ideal_seconds(100, window=WINDOW)
    with running_system(tmp_path, {"Wolves": 100}, window=WINDOW, workers=workers) as running:
        found = redeem(running)
        report(
            f"{name}: from the first request to the last answer",
            found.seconds,
            unit="s",
            limit=ideal + 1.2 + boundaries * LATENCY,
        )
        report(f"{name}: refused (429)", found.refused(), unit="", limit=0)


def bench_100_members_at_30_in_60_s(tmp_path: Path) -> None:
    name = "100 members, 30 in 60 s"
    ideal, _ = ideal_seconds(100, window=60)
    with running_system(tmp_path, {"Wolves": 100}, window=60) as running:
        found = redeem(running)
        report(
            f"{name}: from the first request to the last answer",
            found.seconds,
            unit="s",
            limit=1.05 * ideal,
        )
        report(f"{name}: refused (429)", found.refused(), unit="", limit=0)


def bench_the_bare_client(tmp_path: Path) -> None:
    """The bare client sends requests until one is refused, waits a second, and tries again."""
    with running_system(tmp_path, {"Wolves": 100}, window=WINDOW) as running:
        running.world(codes={"BARE": {}})
        bare = BareClient(f"{running.game_url}/api/gift_code", SALT)
        seconds = bare.redeem_all(_players(0, 100), "BARE", realm=REALM, wait_seconds=1.0)
        report(
            "100 members, 30 in 6 s, bare client: from the first request to the last answer",
            seconds,
            unit="s",
        )
        report("100 members, 30 in 6 s, bare client: refused (429)", bare.refused, unit="")


def bench_five_guilds_share_every_window(tmp_path: Path) -> None:
    guilds = {f"Guild {number}": 20 for number in range(5)}
    with running_system(tmp_path, guilds, window=WINDOW) as running:
        found = redeem(running)
        share = LIMIT / len(guilds)
        off = max(abs(window[guild] - share) for window in found.windows[:-1] for guild in guilds)
        report(
            "5 guilds of 20: largest deviation from a guild's share of a window (6 requests)",
            off,
            unit="requests",
            limit=1,
        )
        report("5 guilds of 20: refused (429)", found.refused(), unit="", limit=0)


def bench_something_else_takes_10_of_30(tmp_path: Path) -> None:
    """From our second window on, another program takes 10 of the 30 requests of every window."""
    members, theirs = 150, 10
    with (
        running_system(tmp_path, {"Wolves": members}, window=WINDOW) as running,
        _others(running, number=theirs) as started,
    ):
        found = redeem(running)
        settled = started[0] + 2 * WINDOW
        # The first window is all ours, so it serves `theirs` more members than each later window.
        ideal, _ = ideal_seconds(members - theirs, window=WINDOW, limit=LIMIT - theirs)
        report(
            "Others take 10 of 30: refused in their first two windows",
            found.refused(end=settled),
            unit="",
            limit=THREADS,
        )
        report(
            "Others take 10 of 30: refused afterwards",
            found.refused(begin=settled),
            unit="",
            limit=0,
        )
        report(
            "Others take 10 of 30: from the first request to the last answer",
            found.seconds,
            unit="s",
            limit=1.10 * ideal,
        )


def bench_a_restart_of_everything_in_mid_window(tmp_path: Path) -> None:
    """Redis is flushed and all workers are restarted: no window may get too many requests."""
    with running_system(tmp_path, {"Wolves": 60}, window=WINDOW) as running:
        _publish(running)
        wait_for(
            lambda: running.rows("SELECT count(*) FROM giftcodes_attempt")[0][0] >= 20,
            "20 requests",
            seconds=60,
        )
        for name in ("redeem", "control", "beat"):
            running.processes.pop(name).kill()
        broker = redis.Redis.from_url(running.environment["REDIS_URL"])
        broker.flushdb()
        broker.close()
        running.start_workers()
        found = _found(running)
        report(
            "Redis flushed and all workers killed in mid-window: refused (429)",
            found.refused(),
            unit="",
            limit=0,
        )
        report(
            "Redis flushed and all workers killed in mid-window: most requests in a window",
            found.most,
            unit="",
            limit=LIMIT,
        )


def bench_from_the_feed_to_the_first_request(tmp_path: Path) -> None:
    """The worker polls by itself, as in production. A `poll_codes` command would start slowly."""
    with running_system(tmp_path, {"Wolves": 20}, window=WINDOW, poll_seconds=10) as running:
        _list_code(running)
        codes = "SELECT count(*) FROM giftcodes_redemption"
        wait_for(lambda: bool(running.rows(codes)[0][0]), "the worker to poll", seconds=60)
        _found(running)
        ((seconds,),) = running.rows(
            "SELECT extract(epoch FROM "
            "(SELECT min(sent_at) FROM giftcodes_attempt) - first_seen_at)::float "
            f"FROM giftcodes_giftcode WHERE code = '{CODE}'"
        )
        report(
            "From the feed's answer that holds a new code to the first request for it",
            seconds,
            unit="s",
            limit=0.15,
        )


def bench_the_first_request_of_each_window(tmp_path: Path) -> None:
    """How soon after the end of a window the first request of the next window arrives."""
    windows = 8
    members = windows * LIMIT
    with (
        running_system(tmp_path, {"Wolves": members}, window=WINDOW) as running,
        _window_ends(running) as ends,
    ):
        found = redeem(running)
    delays = sorted(found.first_after(end) - end for end in sorted(ends)[: windows - 1])
    assert len(delays) == windows - 1
    name = f"{windows} windows of 30 in 6 s: from a window's opening to its first request"
    median = delays[len(delays) // 2]
    report(f"{name}, median", 1_000 * median, unit="ms", limit=50)
    report(f"{name}, worst", 1_000 * delays[-1], unit="ms", limit=50)


# --- The system under test ------------------------------------------------------------------------
@contextmanager
def running_system(
    folder: Path,
    guilds: Mapping[str, int],
    *,
    window: float,
    workers: int = 1,
    poll_seconds: float = 3_600,
) -> Iterator[System]:
    """Run a system with these guilds and a game that accepts 30 requests in a window.

    Args:
        folder: the folder for the files of the system.
        guilds: the number of members of each guild, by its name.
        window: the length of the game's window, in seconds.
        workers: the number of redeem workers.
        poll_seconds: the time between two polls of the feed.
    """
    rate = f"{LIMIT}/{window:g}"
    with system(folder, WHITEOUT_SALT=SALT, SIMULATOR_SALT=SALT, WHITEOUT_RATE=rate) as running:
        running.environment |= {"SIMULATOR_API_URL": ""}
        running.start_game("--rate", rate, "--latency", str(LATENCY))
        running.environment |= {
            "WHITEOUT_API_URL": f"{running.game_url}/api/gift_code",
            "WHITEOUT_FEED_URL": f"{running.game_url}/feed",
            "WHITEOUT_POLL_SECONDS": str(poll_seconds),
            "REDEEM_THREADS": str(THREADS),
        }
        begin = 0
        for name, members in guilds.items():
            players = _players(begin, members)
            running.world(players={player: {"realm": REALM} for player in players})
            running.manage("add_guild", name, "--provider", "whiteout", "--realm", str(REALM))
            listing = folder / f"{name}.txt"
            listing.write_text("\n".join(players), encoding="utf-8")
            running.manage("import_members", str(listing), "--guild", name)
            begin += members
        running.start_workers()
        for number in range(1, workers):
            running.start_worker("redeem", THREADS, name=f"redeem-{number}")
        ticks = "SELECT count(*) FROM giftcodes_heartbeat WHERE name = 'tick'"
        wait_for(lambda: bool(running.rows(ticks)[0][0]), "the first tick", seconds=60)
        yield running


def _players(begin: int, number: int) -> list[str]:
    return [str(FIRST_PLAYER + player) for player in range(begin, begin + number)]


@contextmanager
def _others(running: System, *, number: int) -> Iterator[list[float]]:
    """Run another program with our IP address. In each window it sends `number` requests at once.

    It begins during our second window. From the next window on, it sends at the window's start.

    Yields a list. As soon as the program begins, the list contains the time of its first requests.
    """
    is_over = threading.Event()
    started: list[float] = []
    client = BareClient(f"{running.game_url}/api/gift_code", SALT)

    def send_all() -> None:
        with ThreadPoolExecutor(number) as pool:
            list(
                pool.map(
                    lambda player: client.redeem(str(900_000_000 + player), CODE, realm=REALM),
                    range(number),
                )
            )

    def send_in_each_window() -> None:
        wait_for(lambda: len(running.ledger()["requests"]) > LIMIT, "our second window", seconds=60)
        started.append(time.time())
        for _ in range(30):
            send_all()
            opened_at = max(
                request["window_opened_at"] or 0.0 for request in running.ledger()["requests"]
            )
            if is_over.wait(max(0.0, opened_at + WINDOW + 0.01 - time.time())):
                return

    thread = threading.Thread(target=send_in_each_window)
    thread.start()
    try:
        yield started
    finally:
        is_over.set()
        thread.join()


@contextmanager
def _window_ends(running: System) -> Iterator[set[float]]:
    """Watch the game's budget, and collect the Unix times at which its windows end.

    After the end of a window, Redeemer may send again. Its first request opens the next window.
    """
    ends: set[float] = set()
    is_over = threading.Event()
    statement = (
        "SELECT extract(epoch FROM window_ends_at)::float FROM giftcodes_ratebudget "
        "WHERE window_ends_at IS NOT NULL"
    )

    def watch() -> None:
        while not is_over.wait(0.5):
            ends.update(end for (end,) in running.rows(statement))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield ends
    finally:
        is_over.set()
        thread.join()


# --- What the game saw ----------------------------------------------------------------------------
class Found:
    """Our own requests in the game's ledger."""

    def __init__(self, requests: list[dict[str, Any]], guild_of: Mapping[str, str]) -> None:
        self._ours = [request for request in requests if request["player"] in guild_of]
        by_window: dict[float, Counter[str]] = defaultdict(Counter)
        for request in self._ours:
            if request["status"] != 429:
                by_window[request["window_opened_at"]][guild_of[request["player"]]] += 1
        #: The number of requests of each guild in each window. The windows are in order of time.
        self.windows = [by_window[opened_at] for opened_at in sorted(by_window)]

    @property
    def seconds(self) -> float:
        """The time from the first request's arrival to the last answer."""
        return float(
            max(one["answered_at"] for one in self._ours) - min(one["at"] for one in self._ours)
        )

    def refused(self, begin: float = 0.0, end: float = math.inf) -> int:
        """Return the number of our requests that got a 429 between two Unix times."""
        return sum(one["status"] == 429 and begin <= one["at"] < end for one in self._ours)

    def first_after(self, moment: float) -> float:
        """Return when our first request after a Unix time arrived."""
        return float(min(one["at"] for one in self._ours if one["at"] >= moment))

    @property
    def most(self) -> int:
        """The number of requests in the fullest window."""
        return max(window.total() for window in self.windows)


def redeem(running: System) -> Found:
    """Publish a code, and wait until all members have it."""
    _publish(running)
    return _found(running)


def _publish(running: System) -> None:
    _list_code(running)
    running.manage("poll_codes", "whiteout")


def _list_code(running: System) -> None:
    """Put the code into the feed."""
    running.world(codes={CODE: {}}, feed=[f"{CODE} 24.11.2026"])


def _found(running: System) -> Found:
    runs = "SELECT count(*) > 0 AND bool_and(state = 'complete') FROM giftcodes_redemption"
    wait_for(lambda: bool(running.rows(runs)[0][0]), "all runs to end", seconds=400)
    ((missing,),) = running.rows(
        "SELECT count(*) FROM giftcodes_memberredemption WHERE state <> 'redeemed'"
    )
    assert missing == 0
    members = running.rows(
        "SELECT m.player_id, g.name FROM giftcodes_member m "
        "JOIN giftcodes_guild g ON g.id = m.guild_id"
    )
    return Found(running.ledger()["requests"], dict(members))


def ideal_seconds(members: int, *, window: float, limit: int = LIMIT) -> tuple[float, int]:
    """Return the ideal duration in seconds, and the number of boundaries between windows.

    Ideally each window is full, and all its requests are sent and answered as soon as it begins. So
    the duration ends when the last window begins.
    """
    boundaries = math.ceil(members / limit) - 1
    return boundaries * window, boundaries
