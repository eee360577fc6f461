"""Workers on two hosts with different addresses: one budget, one lock, one run."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from redeemer.localserver.home import REPOSITORY
from tests.lock.conftest import meet
from tests.system.hosts import Host
from tests.system.two_hosts import LATENCY_SECONDS, RATE, WORKERS, TwoHosts, fullest_window, running
from tests.waiting import wait_for

pytestmark = pytest.mark.system

MEMBERS = 25
CALLERS = 8
#: How long a frozen process locks the budget, if the database does not end its session.
HELD_SECONDS = 300


@pytest.fixture(scope="module")
def both() -> Iterator[TwoHosts]:
    """Two running hosts. Each test restores them, and uses its own guilds, players and codes."""
    with tempfile.TemporaryDirectory(prefix="redeemer-hosts-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL's user must be able to enter it.
        with running(folder) as found:
            yield found


@pytest.fixture(autouse=True)
def _only_guilds_of_this_test(both: TwoHosts) -> None:
    both.database.deactivate_all()


def test_both_hosts_redeem_and_together_keep_to_the_limit_of_one_address(both: TwoHosts) -> None:
    both.add_guilds(100_000, members=MEMBERS)

    both.publish("Frost")
    both.wait_until_complete("Frost", members=2 * MEMBERS)

    requests = both.requests("Frost")
    at_work = Counter(entry["address"] for entry in requests)
    assert set(at_work) == {host.address for host in both.hosts}
    assert min(at_work.values()) >= 5, at_work
    assert both.grants("Frost") == [str(100_000 + number) for number in range(2 * MEMBERS)]
    assert len(requests) == 2 * MEMBERS
    assert fullest_window(requests) <= RATE.requests
    _assert_all_invariants_hold(both)


def test_a_code_that_both_hosts_start_at_the_same_moment_runs_once_and_the_rest_is_refused(
    both: TwoHosts,
) -> None:
    guild, _ = both.add_guilds(200_000, members=MEMBERS, automatic=False)
    both.game.change(codes={"Snow": {}})
    code, warm_up = (
        _add_code(both, name, state) for name, state in (("Snow", "active"), ("Old", "closed"))
    )
    command = [
        sys.executable,
        "-m",
        "tests.lock.stampede",
        str(guild),
        str(code),
        str(warm_up),
        str(CALLERS),
        "100000",  # A busy machine must not make a caller give up.
    ]

    results = meet(
        [
            subprocess.Popen(
                [*host.prefix, *command],
                cwd=REPOSITORY,
                env=both.of(host) | {"DATABASE_POOL": "0"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            for host in both.hosts
        ]
    )
    both.wait_until_complete("Snow", members=MEMBERS)

    assert sorted(kind for kind, _ in results) == ["refused"] * (2 * CALLERS - 1) + ["started"]
    kinds = Counter(
        row["kind"]
        for row in both.database.execute(
            "SELECT kind FROM giftcodes_redemptionevent WHERE gift_code_id = %s", code
        )
    )
    assert (kinds["locked"], kinds["refused"], kinds["unlocked"]) == (1, 2 * CALLERS - 1, 1)
    assert both.grants("Snow") == [str(200_000 + number) for number in range(MEMBERS)]
    assert fullest_window(both.requests("Snow")) <= RATE.requests


def test_beat_moves_to_the_other_host_and_two_beats_at_once_do_no_harm(both: TwoHosts) -> None:
    both.add_guilds(300_000, members=MEMBERS)

    both.end(both.network.a, "beat")
    stopped_at = both.ticked_at()
    both.start(both.network.b, "beat")
    wait_for(lambda: both.ticked_at() > stopped_at + 2, "ticks from the other host")
    both.start(both.network.a, "beat")
    seen: set[str] = set()

    def both_run() -> bool:
        seen.update(both.readers_of_the_schedule())
        return len(seen) == 2

    wait_for(both_run, "both beats to read the schedule")
    both.publish("Ember")
    both.wait_until_complete("Ember", members=2 * MEMBERS)
    both.end(both.network.b, "beat")

    requests = both.requests("Ember")
    assert len(requests) == len(both.grants("Ember")) == 2 * MEMBERS
    assert fullest_window(requests) <= RATE.requests
    stopped_at = both.ticked_at()
    wait_for(lambda: both.ticked_at() > stopped_at + 2, "ticks from the first host alone")
    _assert_all_invariants_hold(both)


def test_when_all_processes_of_a_host_die_the_other_host_finishes_what_was_under_way(
    both: TwoHosts,
) -> None:
    a, b = both.hosts
    both.add_guilds(400_000, members=MEMBERS)
    both.game.change(options={"latency": 1.0})
    both.publish("Amber")
    wait_for(lambda: b.address in both.under_way("Amber"), "a request of the host that will die")

    both.kill(b)
    unanswered = both.database.unanswered()
    both.game.change(options={"latency": LATENCY_SECONDS})
    died_at = time.time()
    both.wait_until_complete("Amber", members=2 * MEMBERS)

    requests = both.requests("Amber")
    assert unanswered
    assert {entry["address"] for entry in requests if entry["at"] > died_at} == {a.address}
    assert len(both.grants("Amber")) == 2 * MEMBERS
    repeats = sum(entry["status"] != 429 for entry in requests) - 2 * MEMBERS
    assert repeats <= len(unanswered)
    assert fullest_window(requests) <= RATE.requests
    both.start(b, *WORKERS)


@pytest.mark.long
def test_a_host_that_is_cut_off_while_it_locks_the_budget_holds_the_other_up_for_half_a_minute(
    both: TwoHosts,
) -> None:
    a, b = both.hosts
    if not b.cable:
        pytest.skip(
            "This user may not create network namespaces, "
            "and a loopback address cannot be unplugged."
        )
    both.add_guilds(500_000, members=MEMBERS)
    both.publish("Storm")
    wait_for(lambda: len(both.grants("Storm")) > 5, "the run to be under way")
    holder = _hold_the_budget(both, b)
    try:
        b.unplug()
        both.wait_until_complete("Storm", members=2 * MEMBERS, seconds=HELD_SECONDS / 2)
    finally:
        b.plug_in()
        holder.kill()
        holder.wait()

    both.publish("Calm")
    both.wait_until_complete("Calm", members=2 * MEMBERS)

    assert fullest_window(both.requests("Storm") + both.requests("Calm")) <= RATE.requests
    assert len(both.grants("Storm")) == len(both.grants("Calm")) == 2 * MEMBERS
    both.publish("Breeze")
    both.wait_until_complete("Breeze", members=2 * MEMBERS)
    assert {entry["address"] for entry in both.requests("Breeze")} == {a.address, b.address}


def _hold_the_budget(both: TwoHosts, host: Host) -> subprocess.Popen[str]:
    """Start a process that looks to the database like a frozen dispatch on this host."""
    hold = (
        "import os, psycopg, time; c = psycopg.connect(os.environ['DATABASE_URL']); "
        "c.execute('SELECT 1 FROM giftcodes_ratebudget FOR UPDATE'); print('held', flush=True); "
        f"time.sleep({HELD_SECONDS})"
    )
    holder = subprocess.Popen(
        [*host.prefix, sys.executable, "-c", hold],
        env=both.of(host),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def _add_code(both: TwoHosts, name: str, state: str) -> int:
    """Add a code that is not in the feed. Returns its id."""
    code: int = both.database.value(
        "INSERT INTO giftcodes_giftcode (provider, code, folded, issue, source, rewards, "
        "first_seen_at, state, reason, closed_outcome, doubt_outcome, doubt_player_id, probes) "
        "VALUES ('simulator', %s, lower(%s), 1, 'command', '', now(), %s, '', '', '', '', 0) "
        "RETURNING id",
        name,
        name,
        state,
    )
    return code


def _assert_all_invariants_hold(both: TwoHosts) -> None:
    done = both.manage("audit", "--json", "--ledger", both.game.url)
    assert json.loads(done.stdout)["holds"], done.stdout
