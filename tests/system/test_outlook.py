"""Estimates compared with what then happens, for codes and guilds of different priority."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.system.machinery import System, system
from tests.waiting import wait_for

REQUESTS, WINDOW_SECONDS = 30, 4
#: In the order of dispatch: Foxes have priority, Wolves and Bears take turns.
GUILDS = {
    "Foxes": range(100_000_000, 100_000_016),
    "Wolves": range(200_000_000, 200_000_030),
    "Bears": range(200_000_026, 200_000_050),
}
#: The code that was published first also ends first, and is redeemed first.
CODES = {"EARLY2026": "20.11.2026", "LATE2026": "24.11.2026"}


#: How many requests may be claimed but not sent, or sent in another order than claimed.
CLAIMED = 16


@dataclass(frozen=True, slots=True)
class Estimate:
    """The estimate of `status --json` for a run, and the times before and after the call."""

    asked_at: dt.datetime
    at: dt.datetime
    run: tuple[str, str]
    outlook: dict[str, Any]

    @property
    def finished_at(self) -> dt.datetime:
        return dt.datetime.fromisoformat(self.outlook["finished_at"])


@pytest.fixture
def running(tmp_path: Path) -> Iterator[System]:
    rate = f"{REQUESTS}/{WINDOW_SECONDS}"
    with system(
        tmp_path, WHITEOUT_SALT="outlook-salt", SIMULATOR_SALT="outlook-salt", WHITEOUT_RATE=rate
    ) as running:
        running.environment |= {"SIMULATOR_API_URL": ""}
        running.start_game("--rate", rate)
        running.environment |= {
            "WHITEOUT_API_URL": f"{running.game_url}/api/gift_code",
            "WHITEOUT_FEED_URL": f"{running.game_url}/feed",
            "WHITEOUT_POLL_SECONDS": "3",
        }
        players = {str(player) for members in GUILDS.values() for player in members}
        running.world(players={player: {"realm": 1042} for player in players})
        commands = list[list[str]]()
        for name, members in GUILDS.items():
            listing = tmp_path / f"{name}.txt"
            listing.write_text("\n".join(map(str, members)))
            commands += [
                ["add_guild", name, "--provider", "whiteout", "--realm", "1042"],
                ["import_members", str(listing), "--guild", name],
            ]
        running.manage_all(commands)
        running.rows("UPDATE giftcodes_guild SET priority = 5 WHERE name = 'Foxes' RETURNING id")
        running.start_workers()
        yield running


@pytest.mark.system
def test_each_run_goes_as_its_estimates_said(running: System) -> None:
    running.world(
        codes={code: {} for code in CODES}, feed=[f"{code} {date}" for code, date in CODES.items()]
    )
    started = "SELECT count(*) = 6 FROM giftcodes_redemption WHERE locked_at IS NOT NULL"
    wait_for(lambda: bool(running.rows(started)[0][0]), "all runs to start")

    estimates = list(_estimates_until_all_is_done(running))

    ends = {
        (guild, code): unlocked_at
        for guild, code, unlocked_at in running.rows(
            "SELECT g.name, c.code, r.unlocked_at FROM giftcodes_redemption r "
            "JOIN giftcodes_guild g ON g.id = r.guild_id "
            "JOIN giftcodes_giftcode c ON c.id = r.gift_code_id"
        )
    }
    opened_at = sorted({entry["window_opened_at"] for entry in running.ledger()["requests"]})
    assert estimates
    for estimate in estimates:
        took = (ends[estimate.run] - estimate.at).total_seconds()
        error = (estimate.finished_at - ends[estimate.run]).total_seconds()
        late = _windows_late_by(opened_at, estimate.at, ends[estimate.run])
        assert -late <= error + max(WINDOW_SECONDS + 2, 0.2 * took), (
            estimate,
            ends[estimate.run],
            late,
        )
        assert error <= max(WINDOW_SECONDS + 2, 0.2 * took), (estimate, ends[estimate.run])
        fewest, most = _sent_by_others(running, estimate)
        assert fewest - CLAIMED <= estimate.outlook["ahead_of_last"] <= most + CLAIMED, (
            estimate,
            fewest,
            most,
        )


def _estimates_until_all_is_done(running: System) -> Iterator[Estimate]:
    end = time.monotonic() + 600
    while time.monotonic() < end:
        asked_at = _now(running)
        found = running.status()
        at = _now(running)
        if not found["running"]:
            return
        for run in found["running"]:
            yield Estimate(asked_at, at, (run["guild"], run["code"]), run["outlook"])
        time.sleep(1.5)
    pytest.fail("The runs do not end.")


def _windows_late_by(opened_at: list[float], begin: dt.datetime, end: dt.datetime) -> float:
    """Seconds lost on a busy machine between the end of one window and the start of the next."""
    return sum(
        max(0.0, later - earlier - WINDOW_SECONDS)
        for earlier, later in pairwise(opened_at)
        if begin.timestamp() < later <= end.timestamp()
    )


def _now(running: System) -> dt.datetime:
    ((now,),) = running.rows("SELECT clock_timestamp()")
    assert isinstance(now, dt.datetime)
    return now


def _sent_by_others(running: System, estimate: Estimate) -> tuple[int, int]:
    """The fewest and most requests of other runs from the estimate to this run's last request."""
    guild, code = estimate.run
    ((fewest, most),) = running.rows(
        f"""
        WITH sent AS (
            SELECT a.sent_at, g.name = '{guild}' AND c.code = '{code}' AS own
            FROM giftcodes_attempt a
            JOIN giftcodes_memberredemption m ON m.id = a.member_redemption_id
            JOIN giftcodes_redemption r ON r.id = m.redemption_id
            JOIN giftcodes_guild g ON g.id = r.guild_id
            JOIN giftcodes_giftcode c ON c.id = r.gift_code_id
        )
        SELECT count(*) FILTER (WHERE sent_at > '{estimate.at.isoformat()}'),
               count(*) FILTER (WHERE sent_at > '{estimate.asked_at.isoformat()}')
        FROM sent WHERE NOT own AND sent_at < (SELECT max(sent_at) FROM sent WHERE own)
        """
    )
    return int(fewest), int(most)
