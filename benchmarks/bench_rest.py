"""Measures `make up` at rest: its memory, its share of the processor, and how fast it starts."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import psutil

from benchmarks.conftest import report
from redeemer.localserver.home import REPOSITORY
from redeemer.localserver.servers import http_status
from simulator import Simulator
from tests.localserver.running import Up, fresh_home
from tests.waiting import wait_for

#: How long to wait before measuring, because the first minute after the start is busier than rest,
#: and how long the use of the processor is measured.
_SETTLE_SECONDS, _MINUTE_SECONDS = 75.0, 60.0
_FILL = """
import django
django.setup()
from benchmarks.filling import fill
fill(guilds=1, members=100, codes=10)
"""
#: The name of each part, and words of its processes' command lines.
_PARTS = {
    "the control worker": "-Q control",
    "the redeem worker": "-Q redeem",
    "the site": "redeemer.serving",
    "beat": "[celery beat]",
    "PostgreSQL": "postgres",
    "Valkey": "valkey-server",
}


def bench_make_up_at_rest() -> None:
    with (
        Simulator(salt="rest", rate="unlimited", player_gap=0) as simulator,
        fresh_home() as folder,
    ):
        _measure(folder / "home", simulator)


def _measure(home: Path, simulator: Simulator) -> None:
    settings = {
        "DEMO": "0",
        "SIMULATOR_SALT": "rest",
        "SIMULATOR_API_URL": simulator.api_url,
        "SIMULATOR_FEED_URL": simulator.feed_url,
        "SIMULATOR_RATE": "unlimited",
    }
    began = time.monotonic()
    up = Up(home, **settings)
    report("The first start, with all packages", time.monotonic() - began, limit=30, unit="s")
    try:
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _FILL],
            cwd=REPOSITORY,
            env=up.environment | {"DJANGO_SETTINGS_MODULE": "redeemer.settings"},
            check=True,
        )
    finally:
        up.clean_up()
    began = time.monotonic()
    up = Up(home, **settings)
    try:
        while http_status("127.0.0.1", up.port, "/healthz", {"Host": "localhost"}) is None:
            time.sleep(0.01)
        report("A later start, until /healthz answers", time.monotonic() - began, limit=6, unit="s")
        time.sleep(_SETTLE_SECONDS)
        before = _seconds(up)
        time.sleep(_MINUTE_SECONDS)
        busy = {part: _seconds(up)[part] - before[part] for part in before}
        memory = _megabytes(up)
        _redeem(up, simulator)
        after_a_run = sum(_megabytes(up).values())
    finally:
        up.clean_up()
    for part, megabytes in memory.items():
        report(f"Memory at rest: {part}", megabytes, unit="MB")
        report(f"Processor at rest: {part}", 100 * busy[part] / _MINUTE_SECONDS, unit="%")
    report("Memory at rest, all processes", sum(memory.values()), limit=256, unit="MB")
    report("Memory after a run of 100 members, all processes", after_a_run, unit="MB")
    share = 100 * sum(busy.values()) / _MINUTE_SECONDS
    report("Processor at rest, all processes, of one core", share, limit=2, unit="%")


def _redeem(up: Up, simulator: Simulator) -> None:
    """Redeem one more code for the guild, and wait until every member has it."""
    players = {str(200_000_000 + number): {"realm": 1042} for number in range(1, 101)}
    simulator.merge({"players": players, "codes": {"NEWCODE": {}}})
    _manage(up, "redeem", "NEWCODE", "--guild", "Guild 1")
    wait_for(
        lambda: len(simulator.ledger()["grants"]) == len(players), "all members to have the code"
    )


def _manage(up: Up, *arguments: str) -> None:
    command = [sys.executable, "-W", "ignore", "manage.py", *arguments]
    subprocess.run(command, cwd=REPOSITORY, env=up.environment, check=True)


def _processes(up: Up) -> list[tuple[str, psutil.Process]]:
    """All processes of `make up`, each with the name of its part."""
    found = [("the supervisor", up.supervisor())]
    for process in up.descendants():
        line = " ".join(process.cmdline())
        part = next((part for part, words in _PARTS.items() if words in line), "other")
        found.append((part, process))
    return found


def _seconds(up: Up) -> dict[str, float]:
    """The processor time of each part so far."""
    found: dict[str, float] = defaultdict(float)
    for part, process in _processes(up):
        times = process.cpu_times()
        found[part] += times.user + times.system
    return found


def _megabytes(up: Up) -> dict[str, float]:
    """The memory of each part. Memory that processes share is divided among them (PSS)."""
    found: dict[str, float] = defaultdict(float)
    for part, process in _processes(up):
        text = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="utf-8")
        kilobytes = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
        found[part] += int(kilobytes[1]) / 1024 if kilobytes else 0.0
    return found
