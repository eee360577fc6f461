"""Other commands find a running `make up`, and ignore one that has ended."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from redeemer.localserver.discovery import EMBEDDED_DATABASE, load_running_environment
from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.home import Home

_URL = "postgres://user@127.0.0.1/somewhere"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("REDEEMER_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.delenv("FROM_UP", raising=False)
    found = Home.from_environment()
    found.prepare()
    found.environment.write_text(json.dumps({"DATABASE_URL": _URL, "FROM_UP": "yes"}))
    return found


@pytest.fixture
def living(home: Home) -> Iterator[Home]:
    """A home whose supervisor lives and holds the lock."""
    with home.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield home


def test_variables_that_are_unset_or_empty_are_filled(living: Home) -> None:
    load_running_environment()

    assert os.environ["DATABASE_URL"] == _URL
    assert os.environ.pop("FROM_UP") == "yes"


def test_variables_that_are_set_stay(living: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_UP", "mine")

    load_running_environment()

    assert os.environ["FROM_UP"] == "mine"


def test_another_database_means_another_installation(
    living: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/production")

    load_running_environment()

    assert "FROM_UP" not in os.environ


def test_libpq_variables_are_removed_if_the_database_is_the_embedded_one(
    living: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    living.environment.write_text(json.dumps({"DATABASE_URL": _URL, EMBEDDED_DATABASE: "1"}))
    monkeypatch.setenv("PGSSLMODE", "require")

    load_running_environment()

    assert "PGSSLMODE" not in os.environ
    assert EMBEDDED_DATABASE not in os.environ


def test_libpq_variables_stay_for_an_external_database(
    living: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGSSLMODE", "require")

    load_running_environment()

    assert os.environ["PGSSLMODE"] == "require"


def test_libpq_variables_stay_for_the_database_of_another_installation(
    living: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    living.environment.write_text(json.dumps({"DATABASE_URL": _URL, EMBEDDED_DATABASE: "1"}))
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/production")
    monkeypatch.setenv("PGSSLMODE", "require")

    load_running_environment()

    assert os.environ["PGSSLMODE"] == "require"


def test_the_file_of_a_dead_supervisor_is_ignored(home: Home) -> None:
    home.lock.touch()

    load_running_environment()

    assert "FROM_UP" not in os.environ


@pytest.mark.parametrize(
    "garbled", ["", "{", "[]", "7", '{"FROM_UP": 7}', '{"FROM_UP": "a\\u0000b"}']
)
def test_a_garbled_file_is_ignored(living: Home, garbled: str) -> None:
    living.environment.write_text(garbled)

    load_running_environment()

    assert "FROM_UP" not in os.environ


def test_a_file_of_another_user_is_ignored_with_one_line(
    living: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", refuse)  # Root could read any real file.

    load_running_environment()

    assert "FROM_UP" not in os.environ
    assert capsys.readouterr().err.count("\n") == 1


def test_nothing_is_created_when_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDEEMER_HOME", str(tmp_path / "never-made"))

    load_running_environment()

    assert not (tmp_path / "never-made").exists()


def test_the_home_of_an_unknown_user_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REDEEMER_HOME", "~no-such-user/redeemer")

    load_running_environment()

    with pytest.raises(CannotStartError, match="write the whole path"):
        Home.from_environment()


def test_a_command_refuses_the_home_of_an_unknown_user_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REDEEMER_HOME", "~no-such-user/redeemer")

    with pytest.raises(CommandError, match="write the whole path"):
        call_command("restore", "nothing.dump")


def test_a_relative_home_is_relative_to_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    here: Callable[[], Path] = lambda: Home.from_environment().folder  # noqa: E731
    monkeypatch.setenv("REDEEMER_HOME", "elsewhere")
    elsewhere = here()
    monkeypatch.setenv("REDEEMER_HOME", "")

    assert elsewhere == here().with_name("elsewhere")
