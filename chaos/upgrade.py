"""`make upgrade-check` upgrades a running system of an earlier release, and checks what happens.

The earlier release redeems a code. Its workers and beat end, the database is migrated, the new
workers start, a second code is published, and at last the site is exchanged. At the end every
player must have each code, and the game must have got no request twice. A guild's channel must have
got two messages about each run: one about its start and one about its end. The site may be without
pages for at most five seconds.

FROM names the tag or commit of the earlier release; without it, the newest tag is used. With
BESIDE=1 the database is migrated while the old workers run, and for half a minute they run beside
the new ones. Lines of old processes that report an error are shown.
"""

from __future__ import annotations

import http.client
import io
import os
import random
import re
import subprocess
import sys
import tarfile
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from chaos import times
from chaos.channel import Channel
from chaos.checks import collect, judge
from chaos.processes import Process
from chaos.reporting import print_line
from chaos.round import Round
from chaos.system import WORKERS, System
from redeemer.localserver.home import REPOSITORY
from redeemer.localserver.servers import http_status, pick_port

#: How long the site may be without pages.
PAGELESS_SECONDS = 5.0
#: How long old and new workers run beside each other with BESIDE=1.
_BESIDE_SECONDS = 30.0
_PATIENCE_SECONDS = 60.0
_MEMBERS = 600
_FIRST_PLAYER = 600_000_001
_ERROR = re.compile(r"\[(?:error|critical) *\]|^[\w.]+(?:Error|Exception|Violation)\b")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def main() -> int:
    """Upgrade once. Returns the exit status: 0 if nothing was lost, doubled or missing."""
    release = os.environ.get("FROM") or _newest_tag()
    if not release:
        print_line("There is no tag. Name the commit of the earlier release: FROM=commit")
        return 2
    members = int(os.environ.get("MEMBERS") or _MEMBERS)
    upgrade = Upgrade(System(), release, members)
    try:
        problems = upgrade.run()
    finally:
        upgrade.system.stop()
    for line in upgrade.notes:
        print_line(line)
    for problem in problems:
        print_line(f"✗ {problem}")
    if problems:
        print_line(f"The logs are kept in {upgrade.system.folder}")
        return 1
    upgrade.system.remove_logs()
    print_line(f"✓ From {release}: nothing was lost, nothing was doubled.")
    return 0


def _newest_tag() -> str:
    command = ["git", "tag", "--list", "v*", "--sort=-version:refname"]
    return _git(command).decode().partition("\n")[0]


def _git(command: list[str]) -> bytes:
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True).stdout


def export(release: str, folder: Path) -> None:
    """Write the files of a commit into a folder.

    Raises:
        subprocess.CalledProcessError: the commit is not in this clone, which may be shallow.
    """
    with tarfile.open(fileobj=io.BytesIO(_git(["git", "archive", release]))) as files:
        files.extractall(folder, filter="data")


@dataclass
class Site:
    """Asks for a page again and again, and notes the longest time without one."""

    port: int
    longest_seconds: float = 0.0
    pages: int = 0
    _is_over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def watch(self) -> None:
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        seen = time.monotonic()
        while not self._is_over.wait(0.05):
            is_page = _has_page(self.port)
            self.longest_seconds = max(self.longest_seconds, time.monotonic() - seen)
            if is_page:
                seen, self.pages = time.monotonic(), self.pages + 1

    def end(self) -> None:
        self._is_over.set()
        if self._thread:
            self._thread.join(10)


class Upgrade:
    """One upgrade. The new system's processes have their usual names, and old ones `old-…`."""

    def __init__(self, system: System, release: str, members: int) -> None:
        self.system = system
        self.notes: list[str] = []
        self._folder = system.folder / "old"
        self._release = release
        self._members = members
        self._site = Site(pick_port())
        self._channel = Channel()
        system.environment |= self._channel.settings
        self._begun = time.monotonic()

    def run(self) -> list[str]:
        """Upgrade, and return a line for everything that is wrong."""
        new = dict(self.system.processes)
        new["web"] = self._process("web", self._serving(), REPOSITORY)
        game = new.pop("game")
        old = {
            f"old-{name}": self._process(f"old-{name}", list(process.command), self._folder)
            for name, process in new.items()
        }
        self.system.processes = {"game": game, **old}
        export(self._release, self._folder)
        self.system.servers.start()
        round_ = self._start_old(old)
        round_.new_code()
        round_.wait_for_progress(0.1)

        workers = [name for name in old if name != "old-web"]
        if not os.environ.get("BESIDE"):
            self._end(workers)
            self._migrate()
            self._start_new(new)
            round_.new_code()
        else:
            self._migrate()
            beside = self._start_new(new)
            round_.new_code()
            self.system.pause(_BESIDE_SECONDS)
            self._note(f"old and new workers ran beside each other: {_since(beside)}")
            self._end(workers)
        self._exchange_sites()
        self._note(f"{round_.system.database.progress(round_.codes)['open']} members still open")
        took = round_.settle()
        self._note(f"everything was settled {took:.1f} s later")
        self._site.end()
        return [
            *judge(round_, collect(round_)),
            *self._audit(),
            *self._of_the_channel(len(round_.codes)),
            *self._of_the_site(),
            *self._read(),
        ]

    # --- The steps --------------------------------------------------------------------------------
    def _start_old(self, old: dict[str, Process]) -> Round:
        system = self.system
        self._manage(self._folder, "migrate", "--no-input")
        for task, seconds in times.BEAT_SECONDS.items():
            system.database.set_beat_interval(task, seconds)
        for process in system.processes.values():
            process.start()
        system.wait_until(system.game.is_up, "the game to listen", seconds=_PATIENCE_SECONDS)
        system.wait_until(self._answers, "the old site", seconds=_PATIENCE_SECONDS)
        players = [str(_FIRST_PLAYER + number) for number in range(self._members)]
        system.game.change(players={player: {"realm": 1042} for player in players})
        half = self._members // 2
        guilds = {
            name: system.database.add_guild(name, part)
            for name, part in {"Wolves": players[:half], "Bears": players[half:]}.items()
        }
        system.database.execute(
            "INSERT INTO giftcodes_channel (guild_id, address) VALUES (%s, %s)",
            guilds["Wolves"],
            self._channel.address,
        )
        self._note(f"{len(old)} processes of {self._release} run")
        self._site.watch()
        return Round(system, random.Random(), players, guilds, self._members)

    def _migrate(self) -> None:
        begun = time.monotonic()
        self._manage(REPOSITORY, "migrate", "--no-input")
        self._note(f"the migrations ran: {_since(begun)}")

    def _start_new(self, new: dict[str, Process]) -> float:
        """Start the new processes except the site, and wait until they have started."""
        for name, process in new.items():
            self.system.processes[name] = process
            if name != "web":
                process.start()
        for name in WORKERS:
            self.system.wait_until(
                partial(self._has_broker, new[name]), f"{name} to start", seconds=_PATIENCE_SECONDS
            )
        return time.monotonic()

    def _end(self, names: list[str]) -> None:
        ended = [self.system.processes.pop(name) for name in names]
        for process in ended:
            process.is_restarted = False
            process.terminate()
        for process in ended:
            process.wait_for_end(30)
        self._note(f"{len(names)} old process(es) ended")

    def _exchange_sites(self) -> None:
        self._end(["old-web"])
        self.system.processes["web"].start()
        self.system.wait_until(self._answers, "the new site", seconds=_PATIENCE_SECONDS)

    # --- What is found ----------------------------------------------------------------------------
    def _audit(self) -> list[str]:
        ledger = f"{self.system.game.url}/_sim/ledger"
        done = self.system.manage("audit", "--ledger", ledger, check=False)
        lines = (done.stdout + done.stderr).strip().splitlines()
        return [f"audit: {line}" for line in lines if not line.startswith("✓")] * bool(
            done.returncode
        )

    def _of_the_channel(self, codes: int) -> list[str]:
        """Wait for the two messages about each run of one guild: about its start and its end."""
        wanted, deadline = 2 * codes, time.monotonic() + times.SLACK_SECONDS
        while self._channel.messages < wanted and time.monotonic() < deadline:
            self.system.pause(0.2)
        self._channel.close()
        self._note(f"the channel of a guild got {self._channel.messages} message(s)")
        alarms = self.system.database.execute(
            "SELECT kind, message FROM giftcodes_alarm WHERE raised_at IS NOT NULL"
        )
        found = [f"An alarm was raised, {alarm['kind']}: {alarm['message']}" for alarm in alarms]
        if self._channel.messages != wanted:
            found.append(f"The channel got {self._channel.messages} messages instead of {wanted}.")
        return found

    def _of_the_site(self) -> list[str]:
        longest = self._site.longest_seconds
        self._note(f"{self._site.pages} pages; the longest time without one was {longest:.1f} s")
        if longest > PAGELESS_SECONDS:
            return [f"The site was without pages for {longest:.1f} s."]
        return []

    def _read(self) -> list[str]:
        """Show the errors of the old processes once each. An error of a new one is a problem."""
        found: list[str] = []
        for log in sorted(self.system.folder.glob("*.log")):
            is_old = log.name.startswith("old-")
            if not is_old and log.stem not in self.system.processes:
                continue
            for line, number in _errors(log).items():
                text = f"{log.stem}, {number} time(s): {line}"
                if is_old:
                    self._note(text)
                else:
                    found.append(text)
        return found

    def _has_broker(self, process: Process) -> bool:
        """Whether a worker is connected to the broker, which is the last step of its start."""
        port = urlsplit(self.system.servers.redis_url).port
        links = psutil.Process(process.pid).net_connections()
        return any(link.raddr and link.raddr.port == port for link in links)

    # --- Parts ------------------------------------------------------------------------------------
    def _process(self, name: str, command: list[str], folder: Path) -> Process:
        log = self.system.folder / f"{name}.log"
        return Process(name, command, self.system.environment, log, folder)

    def _serving(self) -> list[str]:
        return [sys.executable, "-m", "redeemer.serving", "--bind", f"127.0.0.1:{self._site.port}"]

    def _answers(self) -> bool:
        return _has_page(self._site.port)

    def _manage(self, folder: Path, *words: str) -> None:
        subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=folder,
            env=self.system.environment,
            capture_output=True,
            check=True,
            timeout=300,
        )

    def _note(self, text: str) -> None:
        self.notes.append(f"{time.monotonic() - self._begun:6.1f} s  {text}")


def _since(begun: float) -> str:
    return f"{time.monotonic() - begun:.1f} s"


def _has_page(port: int) -> bool:
    return http_status("127.0.0.1", port, "/admin/login/") == http.client.OK


def _errors(log: Path) -> dict[str, int]:
    """Return the lines of a log that report an error, each with how often it stands there."""
    found: dict[str, int] = {}
    text = log.read_text(encoding="utf-8", errors="replace")
    for line in _COLOUR.sub("", text).splitlines():
        if _ERROR.search(line):
            # The time at the beginning differs from line to line.
            plain = re.sub(r"^\d{4}-\S+ ", "", line)[:200]
            found[plain] = found.get(plain, 0) + 1
    return found


if __name__ == "__main__":
    sys.exit(main())
