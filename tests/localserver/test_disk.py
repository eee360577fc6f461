"""What the servers of `make up` write to the disk is bounded, however long they run."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
import redis

from redeemer.localserver import servers
from redeemer.localserver.home import Home
from redeemer.localserver.installation import database_only
from redeemer.localserver.postgres import THROW_AWAY, Postgres
from redeemer.localserver.servers import POSTGRES_MAJOR, pick_port, postgres_programs
from redeemer.localserver.spawn import Account
from redeemer.localserver.valkey import Valkey
from tests.localserver.running import fresh_home
from tests.servers import started
from tests.waiting import wait_for

MB = 1_000_000


def size(folder: Path) -> int:
    """The bytes of all files below a folder. Files may come and go meanwhile."""
    found = 0
    for path in folder.rglob("*"):
        try:
            found += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return found


def _pass_messages(client: redis.Redis) -> None:
    """Send messages of 100 kB in all to the broker, and take them from it."""
    with client.pipeline(transaction=False) as pipeline:
        for _ in range(50):
            pipeline.lpush("control", b"x" * 2_000)
            pipeline.rpop("control")
        pipeline.execute()


@pytest.mark.slow
def test_the_log_of_changes_of_the_database_becomes_small_again() -> None:
    with fresh_home() as folder:
        postgres = Postgres(
            folder, port=pick_port(), password="x", owner_password="x", settings=THROW_AWAY
        )
        with (
            started(postgres, folder / "postgres.log", end_seconds=60),
            psycopg.connect(postgres.superuser_url(), autocommit=True) as connection,
        ):
            for _ in range(300):
                connection.execute(
                    "SELECT pg_logical_emit_message(false, 'test', repeat('x', 1000000))"
                )
            connection.execute("CHECKPOINT")

            wait_for(lambda: size(postgres.data / "pg_wal") < 130 * MB, "the log to be small")


def test_the_file_of_messages_of_the_broker_does_not_grow_with_the_number_of_messages() -> None:
    with fresh_home() as folder:
        valkey = Valkey(folder, port=pick_port(), password="x")
        with (
            started(valkey, folder / "valkey.log", end_seconds=60),
            redis.Redis.from_url(valkey.url) as client,
        ):
            for _ in range(300):
                _pass_messages(client)

            # Valkey decides while it works, so messages go on.
            wait_for(
                lambda: _pass_messages(client) or size(valkey.data) < 12 * MB,
                "the file to be written again",
            )


def test_a_full_log_is_replaced_before_the_database_runs_alone() -> None:
    with fresh_home() as folder:
        home = Home(folder / "home")
        home.prepare()
        log = home.logs / "postgresql.log"
        log.write_text("x" * MB)
        (home.logs / "postgresql.log.1").write_text("older")

        with database_only(home, "a test", lambda _line: None):
            assert log.stat().st_size < 100_000

        assert {path.name for path in home.logs.iterdir()} == {log.name, f"{log.name}.1"}
        assert (home.logs / "postgresql.log.1").stat().st_size == MB


def test_the_copied_programs_of_an_earlier_version_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel, home = tmp_path / "pg_wheel", tmp_path / "home"
    tree = f"pginstall{POSTGRES_MAJOR}"
    programs = wheel / tree / "bin"
    programs.mkdir(parents=True)
    (programs / "postgres").touch(mode=0o755)
    monkeypatch.setattr(servers, "_folder_of_wheel", lambda _name: wheel)
    monkeypatch.setattr(Account, "can_run", lambda *_: False)
    (home / "postgresql-0.1" / wheel.name / tree / "bin").mkdir(parents=True)
    (home / "postgresql-of-somebody-else").mkdir()

    found = postgres_programs(Account("nobody", 65534, 65534), lambda: home)

    assert found.is_dir()
    assert {path.name for path in home.iterdir()} == {
        found.parents[2].name,
        "postgresql-of-somebody-else",
    }
