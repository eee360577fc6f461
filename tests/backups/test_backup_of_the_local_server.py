"""`backup` and `restore` of an installation that `make up` runs, with real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest

from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.home import REPOSITORY, Home, SecretStore
from redeemer.localserver.installation import database_only, postgres_for
from redeemer.localserver.postgres import Postgres
from redeemer.localserver.servers import pick_port
from tests.localserver.running import Up, environment_for, fresh_home, manage
from tests.waiting import PATIENCE_SECONDS


@pytest.mark.system
def test_a_running_installation_is_backed_up_and_restored_in_another_home() -> None:
    with fresh_home() as here, fresh_home() as there:
        file = here / "redeemer.dump"
        up = Up(here)
        try:
            saved = manage(["backup", str(file)], up.environment)
            refused = manage(["restore", "--yes", str(file)], up.environment)
            up.end(signal.SIGTERM)
        finally:
            up.clean_up()
        back = manage(["restore", "--yes", str(file)], up.environment)
        elsewhere = manage(["restore", "--yes", str(file)], environment_for(there, pick_port()))

        assert (saved.returncode, saved.stderr) == (0, "")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert f"Stop what is running here (http://127.0.0.1:{up.port} " in refused.stderr
        assert (back.returncode, back.stderr) == (0, "")
        assert "kept as redeemer_before_" in back.stdout
        assert (elsewhere.returncode, elsewhere.stderr) == (0, "")
        assert "kept as" not in elsewhere.stdout
        for home in (here, there):
            assert _guilds(Home(home)) == ["Demo guild"]
            assert _processes_of(home) == []


def test_a_killed_restore_leaves_the_old_data_and_no_server() -> None:
    with fresh_home() as home:
        process = subprocess.Popen(
            [sys.executable, "-c", _RESTORING, str(home)],
            cwd=REPOSITORY,
            env=environment_for(home, pick_port()),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        started = _processes_of(home)
        process.kill()
        process.wait()
        _, alive = psutil.wait_procs(started, timeout=PATIENCE_SECONDS)

        assert started
        assert alive == []
        with database_only(Home(home), "a test", print) as url, psycopg.connect(url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


_RESTORING = """
import sys, time
from pathlib import Path
from redeemer.localserver.installation import database_only
from redeemer.localserver.home import Home
with database_only(Home(Path(sys.argv[1])), "a test", print):
    print("running", flush=True)
    time.sleep(600)
"""


def test_make_up_is_refused_during_a_restore_and_says_why() -> None:
    with fresh_home() as home:
        Home(home).prepare()
        Home(home).environment.write_text(
            json.dumps({"DATABASE_URL": "postgres://left-by-a-killed-one"})
        )
        with database_only(Home(home), "`manage.py restore`", print):
            found = not Home(home).environment.exists()
            refused = manage(["up"], environment_for(home, pick_port()))

    assert found
    assert refused.returncode == 1
    assert refused.stderr.startswith("Already running: `manage.py restore` (process ")


@pytest.mark.parametrize("version", ["17", "19", "9.6", ""])
def test_data_of_another_postgresql_version_stop_the_start_with_one_line(
    version: str,
) -> None:
    with fresh_home() as home:
        postgres = Postgres(home, port=pick_port(), password="x", owner_password="x")
        postgres.data.mkdir()
        (postgres.data / "PG_VERSION").write_text(version + "\n")

        with pytest.raises(
            CannotStartError, match=f"were written by PostgreSQL {version}, and .* has 18"
        ) as refusal:
            postgres.prepare()

    assert "make a backup with the release that wrote them" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def _guilds(home: Home) -> list[str]:
    with database_only(home, "a test", print) as url, psycopg.connect(url) as connection:
        return [
            name for (name,) in connection.execute("SELECT name FROM giftcodes_guild").fetchall()
        ]


def _processes_of(home: Path) -> list[psutil.Process]:
    data = str(postgres_for(Home(home), SecretStore(Home(home).secrets), print).data)
    return [
        process
        for process in psutil.process_iter()
        if process.pid != os.getpid() and data in _command_line(process)
    ]


def _command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
