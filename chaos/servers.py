"""PostgreSQL and Valkey for one system. A scenario may crash, freeze and empty them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import redis

from redeemer.localserver.postgres import Postgres
from redeemer.localserver.servers import Server, pick_port, wait_until_ready
from redeemer.localserver.valkey import Valkey

_PASSWORD = "only-for-chaos"
#: Without fsync, a commit is still handed to the kernel, so a crash of the server loses nothing.
_SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_connections": "300"}


class Running:
    """A server and its process."""

    def __init__(self, server: Server, log: Path) -> None:
        self.server = server
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        self.server.prepare()
        with self._log.open("ab") as output:
            process = self._process = self.server.launch(output)
        wait_until_ready(self.server, lambda: process.poll() is None, self._log)

    def stop(self, number: signal.Signals | None = None) -> None:
        """Stop the server. Without a signal, it shuts down in an orderly way."""
        if self._process is None:
            return
        for sent in (signal.SIGCONT, number or self.server.stop_signal):
            self.send(sent)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the server's main process."""
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, number)


class Servers:
    """The two servers, in a separate folder."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o755)  # The user that runs PostgreSQL must be able to enter it.
        postgres = Postgres(
            folder,
            port=pick_port(),
            password=_PASSWORD,
            owner_password=_PASSWORD,
            settings=_SETTINGS,
        )
        self._own_place = postgres.folder if postgres.folder != folder else None
        self.valkey_data = folder / "valkey"
        self.postgres = Running(postgres, folder / "postgresql.log")
        self.valkey = Running(
            Valkey(folder, port=pick_port(), password=_PASSWORD), folder / "valkey.log"
        )
        self.database_url = postgres.url
        self.redis_url = self.valkey.server.url

    def start(self) -> None:
        self.postgres.start()
        self.valkey.start()

    def stop(self) -> None:
        self.valkey.stop()
        self.postgres.stop()
        if self._own_place:
            shutil.rmtree(self._own_place, ignore_errors=True)

    def crash_postgres(self) -> None:
        """Stop PostgreSQL without a checkpoint, as `pg_ctl stop -m immediate` does."""
        self.postgres.stop(signal.SIGQUIT)

    def broker(self) -> redis.Redis:
        """Open a new connection to Valkey."""
        return redis.Redis.from_url(self.redis_url, socket_timeout=5)

    def lose_valkey(self) -> None:
        """Kill Valkey, and delete what it has written to the disk."""
        self.valkey.stop(signal.SIGKILL)
        shutil.rmtree(self.valkey_data, ignore_errors=True)
