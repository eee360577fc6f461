"""The audit of a system at work: no false alarm at any moment, even after a worker was killed."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.system.machinery import CELERY, QUIET, System, system

PLAYERS = range(400_000_000, 400_000_090)


def _audit(running: System, *options: str) -> dict[str, Any]:
    done = running.manage(
        "audit", "--json", "--at-once", "--ledger", running.game_url, *options, check=False
    )
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if found["holds"] else 1)
    return {row["name"]: row for row in found["invariants"] if not row["holds"]}


@pytest.mark.system
@pytest.mark.long
def test_the_audit_of_a_system_at_work_is_clean_at_any_moment(tmp_path: Path) -> None:
    with system(
        tmp_path,
        WHITEOUT_SALT="audit-salt",
        SIMULATOR_SALT="audit-salt",
        WHITEOUT_RATE="30/3",
        LEASE_SECONDS="15",
        HTTP_SECONDS="4",
    ) as running:
        running.environment |= {"SIMULATOR_API_URL": ""}
        running.start_game("--rate", "30/3", "--latency", "0.05")
        running.environment |= {"WHITEOUT_API_URL": f"{running.game_url}/api/gift_code"}
        running.world(
            players={str(player): {"realm": 1042} for player in PLAYERS}, codes={"FROST": {}}
        )
        commands = list[list[str]]()
        for name in ("Wolves", "Bears"):
            listing = tmp_path / f"{name}.txt"
            listing.write_text("\n".join(map(str, PLAYERS)))
            commands += [
                ["add_guild", name, "--provider", "whiteout", "--realm", "1042"],
                ["import_members", str(listing), "--guild", name],
            ]
        running.manage_all(commands)
        running.start_workers()
        for name in ("Wolves", "Bears"):
            # The catch-up may have started the run already.
            running.manage("redeem", "FROST", "--guild", name, check=False)
        looks = 0
        killed_at = None
        end = time.monotonic() + 600
        while not running.rows(
            "SELECT count(*) = 2 FROM giftcodes_redemption WHERE state = 'complete'"
        )[0][0]:
            assert time.monotonic() < end, "The runs do not end."
            # Only requests in flight when the worker was killed may be repeated.
            assert _audit(running, "--repeats-allowed", "0" if killed_at is None else "8") == {}
            looks += 1
            if killed_at is None and looks >= 3:
                os.killpg(running.processes["redeem"].pid, signal.SIGKILL)
                killed_at = time.monotonic()
                running.launch(
                    "redeem",
                    [*CELERY, "worker", "-Q", "redeem", "-c", "8", "-n", "redeem2@%h", *QUIET],
                )
        assert killed_at is not None
        assert looks >= 5

        assert _audit(running, "--repeats-allowed", "8") == {}
