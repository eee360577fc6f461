"""The parts of the local server, each on its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.db import connection

from redeemer.localserver import leftovers, up
from redeemer.localserver.config import Config
from redeemer.localserver.discovery import instance_lock
from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.home import Home, SecretStore, write_private
from redeemer.localserver.postgres import reachable_folder
from redeemer.localserver.servers import is_free_port, pick_port
from redeemer.localserver.spawn import Account, spawn_with_parent_death_signal
from redeemer.localserver.supervisor import LineReader, log_file, restart_delay_seconds
from redeemer.localserver.up import check_port
from tests.localserver.running import fresh_home
from tests.waiting import PATIENCE_SECONDS, wait_for


def test_a_child_that_keeps_dying_waits_longer_each_time() -> None:
    delays: list[float | None] = [None]
    for _ in range(8):
        delays.append(restart_delay_seconds(uptime_seconds=1, previous_seconds=delays[-1]))

    assert delays[1:] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_child_that_was_healthy_for_a_minute_gets_the_first_delay_again() -> None:
    assert restart_delay_seconds(uptime_seconds=60, previous_seconds=30) == 0.5


def test_output_is_split_into_lines_in_whatever_parts_it_arrives() -> None:
    lines: list[str] = []
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe:
        reader = LineReader(pipe, lines.append)
        for part in (b"one\ntw", b"o\n\nthr", b"ee"):
            os.write(writing, part)
            reader.read()
        assert lines == ["one", "two"]
        os.close(writing)
        reader.read()

    assert lines == ["one", "two", "three"]
    assert reader.has_ended


def test_an_endless_line_does_not_fill_the_memory() -> None:
    lines: list[str] = []
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe:
        reader = LineReader(pipe, lines.append)
        for _ in range(40):
            os.write(writing, b"x" * 4096)
            reader.read()
        os.close(writing)

    assert len(lines) == 2


def test_a_log_does_not_grow_without_limit(tmp_path: Path) -> None:
    write = log_file(tmp_path / "server.log")
    for _ in range(300):
        write("x" * 10_000)

    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2_000_000


def test_a_secret_is_generated_once(tmp_path: Path) -> None:
    made = SecretStore(tmp_path / "secrets.json").get_or_create("password")

    assert SecretStore(tmp_path / "secrets.json").get_or_create("password") == made
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_garbled_secrets_stop_the_start_and_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{")

    with pytest.raises(CannotStartError, match="holds this installation's passwords"):
        SecretStore(tmp_path / "secrets.json")


def test_a_private_file_is_not_readable_by_others_even_if_it_replaces_a_readable_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "open"
    path.write_text("before")
    path.chmod(0o644)

    write_private(path, "after")

    assert path.read_text() == "after"
    assert path.stat().st_mode & 0o777 == 0o600


def test_only_one_instance_runs_at_a_time(tmp_path: Path) -> None:
    with (
        instance_lock(tmp_path / "lock", "http://here"),
        pytest.raises(CannotStartError, match="http://here"),
        instance_lock(tmp_path / "lock", "http://there"),
    ):
        pass
    with instance_lock(tmp_path / "lock", "http://there"):
        pass


def test_a_home_that_cannot_be_written_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(CannotStartError, match="Set REDEEMER_HOME") as refusal:
        Home(tmp_path / "file" / "home").prepare()
    assert "\n" not in str(refusal.value)


def test_a_port_in_use_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_free_port(port)
        assert pick_port(preferred=port) != port
    assert pick_port(preferred=port) == port


def _site_at(port: int) -> Config:
    return Config(host="127.0.0.1", port=port, control_threads=1, redeem_threads=1, has_demo=True)


def test_the_start_waits_for_a_port_that_a_killed_site_still_holds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as site:
        ending = threading.Timer(0.3, site.close)
        ending.start()
        check_port(_site_at(site.getsockname()[1]), timeout_seconds=60)
        ending.join()


def test_the_start_does_not_wait_for_a_port_of_another_program() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as site,
        pytest.raises(CannotStartError, match="is taken by another"),
    ):
        check_port(_site_at(site.getsockname()[1]), timeout_seconds=0)


def test_the_environment_file_of_a_killed_run_is_removed_before_anything_is_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with fresh_home() as folder, socket.create_server(("127.0.0.1", 0)) as other:
        home = Home(folder)
        home.prepare()
        home.environment.write_text("{}")
        monkeypatch.setattr(up, "_KILLED_SITE_ENDS_WITHIN_SECONDS", 0.1)
        for name, value in {
            "REDEEMER_HOME": str(folder),
            "PORT": str(other.getsockname()[1]),
            "BIND": "",
        }.items():
            monkeypatch.setenv(name, value)

        assert up.main([]) == 1
        assert not home.environment.exists()


def _stranger(pid_file: Path) -> subprocess.Popen[bytes]:
    """A process whose id happens to be in an old pid file."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)", "the-mark-of-our-data"]
    )
    pid_file.write_text(f"{process.pid}\nmore\n")
    wait_for(lambda: "the-mark" in leftovers.command_line(process.pid), "the command line")
    return process


def test_another_process_with_the_old_process_id_is_not_ended(tmp_path: Path) -> None:
    pid_file = tmp_path / "postmaster.pid"
    process = _stranger(pid_file)
    try:
        leftovers.end_leftover(
            pid_file,
            mark="-D /another/folder",
            first_signal=signal.SIGTERM,
            second_signal=signal.SIGKILL,
        )

        assert process.poll() is None
        assert not pid_file.exists()
    finally:
        process.kill()
        process.wait()


def test_a_leftover_server_that_uses_our_data_is_ended(tmp_path: Path) -> None:
    pid_file = tmp_path / "postmaster.pid"
    process = _stranger(pid_file)

    leftovers.end_leftover(
        pid_file,
        mark="the-mark-of-our-data",
        first_signal=signal.SIGTERM,
        second_signal=signal.SIGKILL,
    )

    assert process.wait(PATIENCE_SECONDS) == -signal.SIGTERM


@pytest.mark.parametrize(
    "content", ["", "no number", "999999999", "99999999999999999999", "0", "-1"]
)
def test_a_pid_file_without_a_process_is_ignored(tmp_path: Path, content: str) -> None:
    (tmp_path / "pid").write_text(content)

    leftovers.end_leftover(
        tmp_path / "pid", mark="x", first_signal=signal.SIGTERM, second_signal=signal.SIGKILL
    )


def test_another_user_cannot_reach_a_path_below_a_closed_folder(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    stranger = Account("stranger", uid=54_321, gid=54_321)

    assert not stranger.can_reach(tmp_path / "closed" / "data")
    assert stranger.can_reach(Path("/usr/data"))


def test_an_ordinary_user_has_the_data_in_the_home(tmp_path: Path) -> None:
    assert reachable_folder(tmp_path, None) == tmp_path


@pytest.mark.parametrize("system", ["this one", "one without prctl"])
def test_a_child_dies_with_its_parent(system: str) -> None:
    parent = subprocess.run(
        [sys.executable, "-c", _PARENT, system],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    child = int(parent.stdout)
    wait_for(lambda: leftovers.command_line(child) == "", "the child to end")

    assert parent.returncode == -signal.SIGKILL


_PARENT = """
import os, signal, subprocess, sys
from pathlib import Path
from redeemer.localserver import spawn
if sys.argv[1] == "one without prctl":
    spawn._LIBC = None
child = spawn.spawn_with_parent_death_signal(
    ["/bin/sleep", "600"], environment={}, folder=Path("/"), output=subprocess.DEVNULL
)
print(child.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_child_can_run_as_another_user_without_our_groups(tmp_path: Path) -> None:
    child = spawn_with_parent_death_signal(
        ["/usr/bin/id"],
        environment={},
        folder=Path("/"),
        output=subprocess.PIPE,
        account=Account("nobody", 65534, 65534),
    )
    said, _ = child.communicate(timeout=PATIENCE_SECONDS)

    assert said.count(b"65534") >= 2
    assert b"root" not in said


@pytest.mark.django_db
def test_a_process_that_is_frozen_in_a_transaction_keeps_its_locks_for_half_a_minute() -> None:
    """The tests' database shows the setting of `make up`, because one class starts both of them."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("30s",)
