"""The main job with real processes: beat, two workers, PostgreSQL, Valkey, and the simulator."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.system.machinery import system
from tests.waiting import wait_for

SHARED = "300000001"


@pytest.mark.system
def test_a_code_in_the_feed_is_redeemed_for_all_members_of_two_guilds_once(tmp_path: Path) -> None:
    with system(
        tmp_path,
        WHITEOUT_SALT="main-job-salt",
        SIMULATOR_SALT="main-job-salt",
        WHITEOUT_RATE="30/3",
    ) as running:
        running.environment |= {"SIMULATOR_API_URL": ""}
        running.start_game("--rate", "30/3")
        running.environment |= {
            "WHITEOUT_API_URL": f"{running.game_url}/api/gift_code",
            "WHITEOUT_FEED_URL": f"{running.game_url}/feed",
            "WHITEOUT_POLL_SECONDS": "3",
        }
        players = {
            "Wolves": [SHARED, *map(str, range(310_000_000, 310_000_019))],
            "Bears": [SHARED, *map(str, range(340_000_000, 340_000_019))],
        }
        ids = sorted({player for members in players.values() for player in members})
        running.world(players={player: {"realm": 1042} for player in ids})
        commands = list[list[str]]()
        for name, members in players.items():
            listing = tmp_path / f"{name}.txt"
            listing.write_text("\n".join(members))
            commands += [
                ["add_guild", name, "--provider", "whiteout", "--realm", "1042"],
                ["import_members", str(listing), "--guild", name],
            ]
        running.manage_all(commands)
        running.start_workers()
        running.world(codes={"FROST2026": {}}, feed=["FROST2026 23.11.2026"])

        done = "SELECT count(*) = 2 FROM giftcodes_redemption WHERE state = 'complete'"
        wait_for(lambda: bool(running.rows(done)[0][0]), "both runs to complete")

        ledger = running.ledger()
        assert sorted(grant["player"] for grant in ledger["grants"]) == ids
        assert not [request for request in ledger["requests"] if request["status"] == 429]
        states = running.rows(
            "SELECT state, count(*) FROM giftcodes_memberredemption GROUP BY 1 ORDER BY 1"
        )
        assert states == [("already_received", 1), ("redeemed", 39)]
        covered = running.rows(
            "SELECT player_id FROM giftcodes_memberredemption WHERE covered_by_id IS NOT NULL"
        )
        assert covered == [(SHARED,)]
        _assert_the_story_is_told(running.log("control") + running.log("redeem"))


def _assert_the_story_is_told(log: str) -> None:
    for guild in ("Wolves", "Bears"):
        for line in (
            f"🔒 Locked auto-redeem for guild {guild} with code FROST2026",
            f"🎁 Auto-Redeem Started (Guild: {guild}, Code: FROST2026, Members: 20)",
            f"✅ Auto-Redeem Complete (Guild: {guild}, Code: FROST2026, Success: ",
            f"🔓 Unlocked auto-redeem for guild {guild} with code FROST2026",
        ):
            assert log.count(line) == 1, line
    assert "Traceback" not in log
