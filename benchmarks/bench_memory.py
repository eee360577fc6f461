"""Measures how much the memory of each process grows during a long run."""

from __future__ import annotations

from pathlib import Path

import requests

from benchmarks.conftest import report
from tests.browser.real_system import LEADER, PASSWORD, add_leader, serve
from tests.system.machinery import System, system
from tests.waiting import wait_for

#: The number of members in each run. The first run loads all modules and uses every thread once.
#: The growth is measured during the second run.
WARM_UP, REDEMPTIONS = 1_000, 10_000
#: How often each page is requested in each run.
REQUESTS = 100
PAGES = (
    "/admin/",
    "/admin/giftcodes/redemption/",
    "/admin/giftcodes/memberredemption/",
    "/admin/giftcodes/attempt/",
)
PROCESSES = ("redeem", "control", "beat", "web")


def bench_the_memory_of_all_processes(tmp_path: Path) -> None:
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
        add_leader(running)
        browser = Browser(serve(running))
        _redeem(running, "EARLY", "Early", WARM_UP)
        browser.look_around()
        before = {name: _memory_mb(running, name) for name in PROCESSES}
        _redeem(running, "LATE", "Late", WARM_UP + REDEMPTIONS)
        browser.look_around()
        for name, was in before.items():
            growth = _memory_mb(running, name) - was
            report(
                f"Memory growth of {name} over {REDEMPTIONS:,} redemptions",
                growth,
                limit=10,
                unit="MB",
            )


class Browser:
    """A person who is logged in, and looks at pages."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._session = requests.Session()
        login = f"{address}/admin/login/"
        self._session.get(login, timeout=30)
        form = {
            "username": LEADER,
            "password": PASSWORD,
            "csrfmiddlewaretoken": self._session.cookies["csrftoken"],
        }
        answer = self._session.post(login, form, timeout=30)
        assert answer.url != login, answer.text

    def look_around(self) -> None:
        for _ in range(REQUESTS):
            for page in PAGES:
                self.look_at(page)

    def look_at(self, page: str) -> None:
        answer = self._session.get(f"{self._address}{page}", timeout=60)
        assert answer.status_code == 200, (page, answer.status_code)


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
    wait_for(lambda: bool(running.rows(done)[0][0]), f"{guild} to be done", seconds=600)


def _memory_mb(running: System, name: str) -> float:
    """Return the resident memory of a process, in MB."""
    status = Path(f"/proc/{running.processes[name].pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024
