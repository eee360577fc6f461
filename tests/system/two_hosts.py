"""The processes of two hosts, with PostgreSQL, Valkey and the game on a third one.

host a: control worker, redeem worker, beat        host b: control worker, redeem worker
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
import yaml

from chaos import times
from chaos.database import REALM, Database
from chaos.game import Game, line
from chaos.processes import Process
from chaos.servers import Running
from redeemer.localserver.home import REPOSITORY
from redeemer.localserver.postgres import THROW_AWAY, Postgres
from redeemer.localserver.servers import pick_port
from redeemer.localserver.valkey import Valkey
from simulator.rate_limits import Rate, Windows
from tests.system.hosts import Host, Network, two_hosts
from tests.system.machinery import CELERY, QUIET
from tests.waiting import PATIENCE_SECONDS, wait_for

_PASSWORD = "only-for-two-hosts"
_SALT = "only-for-two-hosts"
_THREADS = 8
#: The game's limit for one address.
RATE = Rate(20, 2.0)
LATENCY_SECONDS = 0.2
WORKERS = ("control", "redeem")


@dataclass
class TwoHosts:
    """The processes, and the hosts on which they run."""

    folder: Path
    network: Network
    database: Database
    game: Game
    broker: Valkey
    environment: dict[str, str]

    def __post_init__(self) -> None:
        self.processes: dict[str, Process] = {}

    @property
    def hosts(self) -> tuple[Host, Host]:
        return self.network.a, self.network.b

    # --- Processes --------------------------------------------------------------------------------
    def start(self, host: Host, *kinds: str) -> None:
        """Start processes on a host: `control`, `redeem`, `beat`."""
        for kind in kinds:
            name = f"{kind}-{host.name}"
            process = self.processes[name] = Process(
                name,
                [*host.prefix, *_command(kind, host)],
                self.of(host),
                self.folder / f"{name}.log",
            )
            process.start()

    def end(self, host: Host, *kinds: str) -> None:
        """Terminate processes, and wait for their end."""
        ending = [self.processes.pop(f"{kind}-{host.name}") for kind in kinds]
        for process in ending:
            process.terminate()
        for process in ending:
            process.wait_for_end()

    def kill(self, host: Host) -> None:
        """Kill all processes on a host."""
        dying = [
            self.processes.pop(name)
            for name in list(self.processes)
            if name.endswith(f"-{host.name}")
        ]
        for process in dying:
            process.kill()

    def of(self, host: Host) -> dict[str, str]:
        """The environment of processes on this host."""
        return self.environment | host.environment

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a management command on this machine."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=REPOSITORY,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    # --- Work -------------------------------------------------------------------------------------
    def add_guilds(self, first_player: int, *, members: int, automatic: bool = True) -> list[int]:
        """Add two guilds without a common player. Returns their ids."""
        players = [str(first_player + number) for number in range(2 * members)]
        self.game.change(players={player: {"realm": REALM} for player in players})
        guilds = [
            self.database.add_guild(f"{name} {first_player}", part)
            for name, part in (("Wolves", players[:members]), ("Bears", players[members:]))
        ]
        if not automatic:
            self.database.execute(
                "UPDATE giftcodes_guild SET automatic = false WHERE id = ANY(%s)", guilds
            )
        return guilds

    def publish(self, code: str) -> None:
        """Add a code to the game and to the feed."""
        self.game.change(codes={code: {}}, feed=[line(code)])
        self.database.poll_now()

    def wait_until_complete(
        self, code: str, *, members: int, seconds: float = PATIENCE_SECONDS
    ) -> None:
        """Wait until this number of members have the code, and all runs of the code have ended."""

        def is_over() -> bool:
            progress = self.database.progress([code])
            return bool(
                progress["settled"] == members
                and not progress["open"]
                and not progress["unfinished"]
            )

        wait_for(is_over, f"{members} members to have {code}", seconds=seconds)

    # --- What happened ----------------------------------------------------------------------------
    def requests(self, code: str) -> list[dict[str, Any]]:
        """The game's ledger for a code, in order of arrival."""
        return [entry for entry in self.game.ledger()["requests"] if entry["code"] == code]

    def under_way(self, code: str) -> set[str]:
        """The source addresses of requests that the game has not answered yet."""
        return {entry["address"] for entry in self.requests(code) if entry["answered_at"] is None}

    def grants(self, code: str) -> list[str]:
        """The players to whom the code was granted, sorted."""
        return sorted(
            grant["player"] for grant in self.game.ledger()["grants"] if grant["code"] == code
        )

    def ticked_at(self) -> float:
        """The time of the last tick, in Unix seconds of the database."""
        found = self.database.value(
            "SELECT extract(epoch FROM max(at)) FROM giftcodes_heartbeat WHERE name = 'tick'"
        )
        return float(found or 0)

    def readers_of_the_schedule(self) -> set[str]:
        """The addresses of the hosts whose beat has just read the schedule."""
        rows = self.database.execute(
            "SELECT host(client_addr) AS address FROM pg_stat_activity "
            "WHERE query LIKE '%%django_celery_beat_periodictasks%%' AND pid <> pg_backend_pid()"
        )
        return {row["address"] for row in rows}


def fullest_window(requests: list[dict[str, Any]]) -> int:
    """The highest number of requests in one window, as if all had come from one address."""
    windows = Windows(RATE)
    counts = [windows.count("one", "gift code", entry["at"]) for entry in requests]
    return max(count.number for count in counts if count)


@contextmanager
def running(folder: Path) -> Iterator[TwoHosts]:
    """Start everything, and wait for the first ticks. All of it is removed afterwards."""
    with ExitStack() as stack:
        network = stack.enter_context(two_hosts())
        postgres = _postgres(folder, network)
        stack.callback(postgres.stop)
        postgres.start()
        valkey = Valkey(folder, port=pick_port(), password=_PASSWORD)
        broker = Running(valkey, folder / "valkey.log")
        stack.callback(broker.stop)
        broker.start()
        _open_to(valkey, network.server)
        game = Game(f"http://{network.server}:{pick_port()}", os.environ["SIMULATOR_TOKEN"])
        database = Database(postgres.server.url)
        stack.callback(database.close)
        both = TwoHosts(
            folder,
            network,
            database,
            game,
            valkey,
            _environment(folder, network, postgres.server.url, valkey, game),
        )
        stack.callback(_end_all, both)
        _start_all(both)
        yield both


def _start_all(both: TwoHosts) -> None:
    done = both.manage("migrate", "--no-input")
    assert done.returncode == 0, done.stderr
    for task, seconds in times.BEAT_SECONDS.items():
        both.database.set_beat_interval(task, seconds)
    port = both.game.url.rpartition(":")[2]
    command = [sys.executable, "-m", "simulator", "--host", both.network.server, "--port", port]
    command += ["--rate", str(RATE), "--players", "0", "--latency", str(LATENCY_SECONDS)]
    game = both.processes["game"] = Process(
        "game", command, both.environment, both.folder / "game.log"
    )
    game.start()
    wait_for(both.game.is_up, "the game to listen")
    for host in both.hosts:
        both.start(host, *WORKERS)
    both.start(both.network.a, "beat")
    wait_for(lambda: both.ticked_at() > 0, "the first tick")


def _end_all(both: TwoHosts) -> None:
    for process in both.processes.values():
        process.terminate()
    for process in both.processes.values():
        process.wait_for_end(6)


def _command(kind: str, host: Host) -> list[str]:
    if kind == "beat":
        return [*CELERY, "beat", "--pidfile=", "--loglevel", "INFO"]
    return [*CELERY, "worker", "-Q", kind, "-c", str(_THREADS), "-n", f"{kind}@{host.name}", *QUIET]


def _postgres(folder: Path, network: Network) -> Running:
    """PostgreSQL with a password, on this machine's address in the hosts' network."""
    rules = folder / "pg_hba.conf"
    clients = ["127.0.0.1", *(host.address for host in (network.a, network.b)), network.server]
    rules.write_text("".join(f"host all all {client}/32 scram-sha-256\n" for client in clients))
    settings = _of_compose() | {
        "hba_file": str(rules),
        "listen_addresses": ",".join(sorted({"127.0.0.1", network.server})),
    }
    server = Postgres(
        folder,
        port=pick_port(),
        password=_PASSWORD,
        owner_password=_PASSWORD,
        settings=THROW_AWAY | settings,
    )
    return Running(server, folder / "postgresql.log")


def _of_compose() -> dict[str, str]:
    """PostgreSQL's settings in compose.yaml, where each is `-c name=value`."""
    services = yaml.safe_load((REPOSITORY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    return dict(part.split("=", 1) for part in services["postgres"]["command"] if "=" in part)


def _open_to(valkey: Valkey, address: str) -> None:
    """Make Valkey listen on this address, too."""
    with redis.Redis.from_url(valkey.url) as client:
        client.config_set("bind", " ".join(sorted({"127.0.0.1", address})))


def _environment(
    folder: Path, network: Network, database_url: str, valkey: Valkey, game: Game
) -> dict[str, str]:
    return {
        **os.environ,
        "REDEEMER_HOME": str(folder),
        "DJANGO_SETTINGS_MODULE": "redeemer.settings",
        "DATABASE_URL": database_url.replace("127.0.0.1", network.server),
        "DATABASE_POOL": "1",
        "REDIS_URL": valkey.url.replace("127.0.0.1", network.server),
        "SIMULATOR_SALT": _SALT,
        "SIMULATOR_API_URL": game.api_url,
        "SIMULATOR_FEED_URL": game.feed_url,
        "SIMULATOR_FEED_KEY": "",
        "SIMULATOR_POLL_SECONDS": "3",
        "SIMULATOR_RATE": str(RATE),
        "REDEEM_THREADS": str(_THREADS),
        "HTTP_SECONDS": str(times.HTTP_SECONDS),
        "HTTP_CONNECT_SECONDS": "1",
        "LEASE_SECONDS": str(times.LEASE_SECONDS),
        "PYTHONUNBUFFERED": "1",
        "REDEEMER_FAULTS": "1",
        "REDEEMER_FAULT_TIMES": ",".join(
            f"{name}={value}" for name, value in times.SHORTENED.items()
        ),
    }
