"""What other users of the computer can read of an installation, and how they can disturb it."""

from __future__ import annotations

import fcntl
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError

from giftcodes.cli.atomic_file import atomic_file
from redeemer.localserver.config import Config
from redeemer.localserver.console import Console
from redeemer.localserver.discovery import instance_lock, load_running_environment
from redeemer.localserver.home import Home
from redeemer.localserver.installation import Installation
from redeemer.localserver.programs import server_program
from redeemer.localserver.supervisor import StopRequest, Supervisor
from redeemer.localserver.valkey import Valkey
from redeemer.management.commands.restore import _refuse_while_up
from simulator import Simulator
from tests.localserver.running import as_user, fresh_home

#: A user who is not the one that runs the tests.
_STRANGER = 65_534
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def home() -> Iterator[Home]:
    """A new home in a folder that every user can reach."""
    with fresh_home() as folder:
        found = Home(folder / "home")
        found.prepare()
        yield found


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def _open_as_before(home: Home) -> None:
    """Set the modes that an earlier release has left."""
    with instance_lock(home.lock, "http://127.0.0.1:8000"):
        pass
    home.lock.chmod(0o644)
    for folder in (home.lock.parent, home.logs):
        folder.chmod(0o755)


def test_a_start_closes_what_an_earlier_release_left_open(home: Home) -> None:
    _open_as_before(home)

    home.prepare()
    with instance_lock(home.lock, "http://127.0.0.1:8000"):
        modes = [_mode(path) for path in (home.lock, home.lock.parent, home.logs)]

    assert modes == [0o600, 0o700, 0o700]


@pytest.mark.parametrize("other", ["", "a-file-of-the-user"])
def test_the_home_of_an_earlier_release_is_closed_unless_it_has_other_files_too(
    home: Home, other: str
) -> None:
    for name in ("secrets.json", "postgres", "valkey", other):
        (home.folder / name).mkdir(exist_ok=True)
    home.folder.chmod(0o755)

    home.prepare()

    assert _mode(home.folder) & 0o007 == (0o005 if other else 0o001 * (os.geteuid() == 0))


@only_root
@pytest.mark.parametrize("is_old", [False, True])
def test_another_user_cannot_hold_the_lock(home: Home, is_old: bool) -> None:
    if is_old:
        _open_as_before(home)
        home.prepare()

    def hold() -> str:
        descriptor = os.open(home.lock, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return "held"

    with instance_lock(home.lock, "http://127.0.0.1:8000"):
        pass

    assert as_user(_STRANGER, hold).startswith("PermissionError")


@only_root
def test_another_user_cannot_read_a_server_log(home: Home) -> None:
    valkey = Valkey(home.folder, port=1, password="x")
    server_program(valkey, home).sink("a line")
    (log,) = home.logs.iterdir()

    assert as_user(_STRANGER, log.read_text).startswith("PermissionError")
    assert as_user(_STRANGER, lambda: str(list(home.folder.iterdir()))).startswith(
        "PermissionError"
    )


@only_root
def test_a_command_of_another_user_says_that_the_installation_is_not_theirs(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDEEMER_HOME", str(home.folder))
    monkeypatch.setenv("DATABASE_URL", "")

    def attempt() -> str:
        with pytest.MonkeyPatch.context() as patch:
            said = io.StringIO()
            patch.setattr("sys.stderr", said)
            load_running_environment()
            try:
                _refuse_while_up(home)
            except CommandError as error:
                said.write(str(error))
        return said.getvalue()

    first, second = as_user(_STRANGER, attempt).splitlines()

    assert first.startswith("This installation belongs to another user")
    assert second == f"{home.folder} belongs to another user: run this as that user."


@pytest.mark.parametrize("is_old", [False, True])
def test_the_simulators_state_is_for_its_owner_only(tmp_path: Path, is_old: bool) -> None:
    file = tmp_path / "simulator.jsonl"
    if is_old:
        file.touch(mode=0o644)

    with Simulator(state=file):
        assert _mode(file) == 0o600


def test_an_export_is_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "history.csv"
    file.touch(mode=0o644)

    with atomic_file(file) as output:
        output.write("a player")
        (draft,) = tmp_path.glob(".history.csv.*")
        modes = [_mode(draft)]

    assert [*modes, _mode(file)] == [0o600, 0o600]


def test_a_link_that_another_user_has_put_in_place_of_the_draft_is_not_followed(
    tmp_path: Path,
) -> None:
    trap = tmp_path / "trap"
    trap.write_text("untouched")
    (tmp_path / f".history.csv.{os.getpid()}").symlink_to(trap)

    with atomic_file(tmp_path / "history.csv") as output:
        output.write("a player")

    assert trap.read_text() == "untouched"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _show_address(home: Home, stream: io.StringIO, password: str | None) -> str:
    """What `up` shows on this stream when everything runs."""
    console = Console(stream)
    config = Config("127.0.0.1", 8000, 1, 1, has_demo=False)
    installation = Installation(home, config, console, Supervisor(console, StopRequest()))
    installation._show_address(None, password)
    return stream.getvalue()


@pytest.mark.parametrize("stream", [_Terminal(), io.StringIO()])
def test_the_administrators_password_is_shown_on_a_terminal_only(
    home: Home, stream: io.StringIO
) -> None:
    """A file or a journal keeps what it gets, and others may read it."""
    home.admin_password.write_text("of-the-administrator")

    shown = _show_address(home, stream, "of-the-administrator")

    assert ("of-the-administrator" in shown) == stream.isatty()
    assert str(home.admin_password) in shown


@pytest.mark.parametrize("uid", [0, 1000])
def test_root_is_warned_and_told_what_to_do(
    home: Home, monkeypatch: pytest.MonkeyPatch, uid: int
) -> None:
    monkeypatch.setattr("redeemer.localserver.installation.os.geteuid", lambda: uid)

    shown = _show_address(home, io.StringIO(), None)

    assert ("WARNING:  You are root" in shown) == ("useradd" in shown) == (uid == 0)
