"""The embedded database without the rest, for work that nobody else may be at."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from redeemer.localserver.database_setup import postgres_of
from redeemer.localserver.home import Home
from redeemer.localserver.instance import only_instance
from redeemer.localserver.postgres import Postgres
from redeemer.localserver.secret_store import SecretStore
from redeemer.localserver.server import wait_until_ready

_STOPPED_WITHIN_SECONDS = 30.0


@contextmanager
def database_only(home: Home, holder: str, say: Callable[[str], None]) -> Iterator[str]:
    """Run the installation's PostgreSQL, under the lock that keeps `make up` away. Its address comes in.

    Args:
        home: of the installation; made if need be.
        holder: what a `make up` that is started meanwhile is told to be running.
        say: is told where the data are if they are not at home.

    Raises:
        CannotStartError: somebody holds the lock, or the server does not start.
    """
    home.prepare()
    with only_instance(home.lock, holder):
        # Left by a supervisor that was killed: whoever finds the lock held would believe it.
        home.environment.unlink(missing_ok=True)
        postgres = postgres_of(home, SecretStore(home.secrets), say)
        with _running(postgres, home.logs / f"{postgres.name}.log"):
            yield postgres.url


@contextmanager
def _running(postgres: Postgres, log: Path) -> Iterator[None]:
    postgres.prepare()
    with log.open("ab") as output:
        process = postgres.launch(output)
    try:
        wait_until_ready(postgres, is_alive=lambda: process.poll() is None, log=log)
        yield
    finally:
        process.send_signal(postgres.stop_signal)
        try:
            process.wait(_STOPPED_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
