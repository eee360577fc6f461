"""Measures how much the workers' memory grows during a run."""

from __future__ import annotations

from pathlib import Path

from benchmarks.conftest import report
from tests.system.machinery import System, system
from tests.waiting import wait_for

#: The number of members in each run. The first run loads all modules and uses every thread once.
#: The growth is measured during the second run.
WARM_UP, REDEMPTIONS = 1_000, 3_000


def bench_the_memory_of_the_workers(tmp_path: Path) -> None:
    with system(
        tmp_path,
        SIMULATOR_SALT="memory",
        SIMULATOR_RATE="unlimited",
        SIMULATOR_FEED_URL="",
        LOG_LEVEL="WARNING",
        MEMBERS_PER_GUILD=str(REDEMPTIONS),
    ) as running:
        running.start_game("--rate", "unlimited")
        running.environment |= {"SIMULATOR_API_URL": f"{running.game_url}/api/gift_code"}
        for name, number in (("Early", WARM_UP), ("Late", REDEMPTIONS)):
            _guild(running, tmp_path, name, number)
        running.world(options={"player_gap": 0}, codes={"EARLY": {}, "LATE": {}})
        running.start_workers()
        _redeem(running, "EARLY", "Early", WARM_UP)
        before = {name: _memory_mb(running, name) for name in ("redeem", "control", "beat")}
        _redeem(running, "LATE", "Late", WARM_UP + REDEMPTIONS)
        for name, was in before.items():
            growth = _memory_mb(running, name) - was
            report(
                f"Memory growth of {name} over {REDEMPTIONS:,} redemptions",
                growth,
                limit=20,
                unit="MB",
            )


def _guild(running: System, folder: Path, name: str, number: int) -> None:
    first = 400_000_000 if name == "Early" else 500_000_000
    ids = [str(first + place) for place in range(number)]
    running.world(players={player: {"realm": 1042} for player in ids})
    running.manage("add_guild", name, "--provider", "simulator", "--realm", "1042")
    listing = folder / f"{name}.txt"
    listing.write_text("\n".join(ids))
    running.manage("import_members", str(listing), "--guild", name)


def _redeem(running: System, code: str, guild: str, redeemed: int) -> None:
    """Redeem a code for a guild, and wait until this many rows are redeemed in total."""
    # The catch-up must not redeem the code for the other guild.
    running.rows(
        f"UPDATE giftcodes_guild SET automatic = false WHERE name <> '{guild}' RETURNING id"
    )
    running.manage("redeem", code, "--guild", guild)
    done = f"SELECT count(*) >= {redeemed} FROM giftcodes_memberredemption WHERE state = 'redeemed'"
    wait_for(lambda: bool(running.rows(done)[0][0]), f"{guild} to be done", seconds=150)


def _memory_mb(running: System, name: str) -> float:
    """Return the resident memory of a process, in MB."""
    status = Path(f"/proc/{running.processes[name].pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024
