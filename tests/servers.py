"""Throw-away servers for the tests: PostgreSQL and Valkey from their wheels.

They are started before Django reads its settings.

`addopts` in pyproject.toml loads this plugin. Workers of pytest-xdist use the servers of the
process that started them, each with a database and a Redis database of its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import psycopg
import pytest

from redeemer.games import GAMES
from redeemer.localserver.postgres import THROW_AWAY, Postgres
from redeemer.localserver.servers import Server, pick_port, wait_until_ready
from redeemer.localserver.valkey import Valkey
from tests import reaper

_PREFIX = "redeemer-tests-"
_PASSWORD = "only-for-tests"
_WORKER = "PYTEST_XDIST_WORKER"
#: The environment variable with the address at which the superuser reaches PostgreSQL.
SUPERUSER_URL = "TESTS_SUPERUSER_URL"

_servers = ExitStack()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Start the servers before pytest-django reads the settings, which name the servers."""
    if worker := os.environ.get(_WORKER):
        base = os.environ["REDIS_URL"].rpartition("/")[0]
        os.environ["REDIS_URL"] = f"{base}/{int(worker.removeprefix('gw')) % 15 + 1}"
        return
    _servers.callback(_end_all, reaper.start())
    postgres, valkey, folder = _servers.enter_context(_running())
    # The tests use neither the servers of a running `make up` nor a salt from .env.
    os.environ |= {
        "REDEEMER_HOME": str(folder),
        **{game.setting("SALT"): "" for game in GAMES},
        "DATABASE_URL": postgres.url,
        SUPERUSER_URL: postgres.superuser_url(),
        "DATABASE_POOL": "0",
        "REDIS_URL": valkey.url,
        "SECRET_KEY": "only-for-tests-but-long-enough-to-please-the-checks-of-django",
        "SIMULATOR_SALT": "test-salt",
        "SIMULATOR_TOKEN": "test-token",
        "SIMULATOR_API_URL": "http://127.0.0.1:9/nobody-listens-here",
        "SIMULATOR_FEED_URL": "",
        "SIMULATOR_FEED_KEY": "",
        "SIMULATOR_DIRECTORY_KEY": "",
        "SIMULATOR_RATE": "30/10",
        # Stand-ins of channels run on this machine.
        "CHANNEL_PRIVATE_HOSTS": "127.0.0.1",
    }


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Stop the servers after the last test, or after Ctrl-C."""
    _servers.close()


@contextlib.contextmanager
def autovacuum() -> Iterator[None]:
    """Switch autovacuum on, as in an installation, for tests that change rows for minutes."""
    _set_autovacuum(os.environ[SUPERUSER_URL], "on")
    yield
    _set_autovacuum(os.environ[SUPERUSER_URL], "off")


def _set_autovacuum(superuser_url: str, value: Literal["on", "off"]) -> None:
    # An option on the server's command line could not be changed later.
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET autovacuum = {value}")
        connection.execute("SELECT pg_reload_conf()")


def _end_all(reaping: subprocess.Popen[bytes]) -> None:
    assert reaping.stdin is not None
    reaping.stdin.close()
    reaping.wait()


@contextlib.contextmanager
def _running() -> Iterator[tuple[Postgres, Valkey, Path]]:
    _remove_abandoned()
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)  # PostgreSQL's user must be able to enter it.
        lock = stack.enter_context((folder / "lock").open("wb"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        postgres = Postgres(
            folder,
            port=pick_port(),
            password=_PASSWORD,
            owner_password=_PASSWORD,
            settings=THROW_AWAY,
        )
        if postgres.folder != folder:
            stack.callback(shutil.rmtree, postgres.folder, ignore_errors=True)
        valkey = Valkey(folder, port=pick_port(), password=_PASSWORD)
        stack.enter_context(started(postgres, folder / "postgres.log"))
        # A plan must not depend on whether a test took so long that the tables were analysed
        # meanwhile.
        _set_autovacuum(postgres.superuser_url(), "off")
        stack.enter_context(started(valkey, folder / "valkey.log"))
        yield postgres, valkey, folder


@contextlib.contextmanager
def started(server: Server, log: Path, *, end_seconds: float = 10) -> Iterator[None]:
    """Run a server, and end it.

    Args:
        server: the server.
        log: the file for its output.
        end_seconds: if it has not ended in this time, it is killed.
    """
    server.prepare()
    with log.open("wb") as output:
        process = server.launch(output)
    try:
        wait_until_ready(server, lambda: process.poll() is None, log)
        yield
    finally:
        process.send_signal(server.stop_signal)
        try:
            process.wait(end_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _remove_abandoned() -> None:
    """Remove the folders of killed test runs: their servers are gone, and no process locks them."""
    for lock in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/lock"):
        with contextlib.suppress(OSError), lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)
