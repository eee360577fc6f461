"""An installed wheel runs from any folder, with its data in the user's folder."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import trial
from giftcodes import __version__
from tests.localserver.running import fresh_home

pytestmark = pytest.mark.slow

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def command(built: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command `redeemer` in an environment of its own, which borrows the other packages."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    (wheel,) = (path for path in built if path.suffix == ".whl")
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "redeemer"


@pytest.fixture
def run(command: Path, tmp_path: Path) -> Run:
    """Runs `redeemer` in an empty folder, with an empty home folder."""
    (tmp_path / "work").mkdir()

    def run_command(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [command, *words],
            cwd=tmp_path / "work",
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **variables},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run_command


@pytest.fixture
def folder() -> Iterator[Path]:
    with fresh_home() as found:
        yield found


def shown(run: Run, expression: str, **variables: str) -> str:
    """The value of an expression that uses the settings."""
    code = f"from django.conf import settings; from redeemer import paths; print({expression})"
    done = run("shell", "--no-imports", "-c", code, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_everything_starts_until_the_site_is_healthy_and_ends_without_a_trace(
    command: Path, folder: Path
) -> None:
    trial.try_out(command, __version__, folder)

    assert (folder / "home/.local/share/redeemer/secrets.json").is_file()


def test_a_wheel_with_another_version_than_its_name_is_reported(
    command: Path, folder: Path
) -> None:
    with pytest.raises(trial.TrialError, match=rf"says {__version__}, not 9\.9\.9"):
        trial.try_out(command, "9.9.9", folder)


def test_a_start_that_fails_is_reported_with_its_last_lines(folder: Path) -> None:
    command = folder / "redeemer"
    command.write_text('#!/bin/sh\n[ "$1" != up ] || { echo "Cannot start."; exit 1; }\necho 1.0\n')
    command.chmod(0o755)

    with pytest.raises(trial.TrialError, match=r"did not become healthy\.\nCannot start\."):
        trial.try_out(command, "1.0", folder)


def test_settings_are_read_from_the_folder_of_the_data_and_not_from_the_present_one(
    run: Run, tmp_path: Path
) -> None:
    home = tmp_path / ".local/share/redeemer"
    home.mkdir(parents=True)
    (home / ".env").write_text("SITE_URL=https://home.example\n")
    (tmp_path / "work/.env").write_text("SITE_URL=https://work.example\n")

    assert shown(run, "settings.SITE_URL") == "https://home.example"


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({}, ".local/share/redeemer"),
        ({"XDG_DATA_HOME": "{0}/data"}, "data/redeemer"),
        ({"XDG_DATA_HOME": "relative"}, ".local/share/redeemer"),
        ({"REDEEMER_HOME": "here"}, "work/here"),
        ({"REDEEMER_HOME": "~/mine"}, "mine"),
        ({"REDEEMER_HOME": "{0}/mine", "XDG_DATA_HOME": "{0}/data"}, "mine"),
    ],
)
def test_the_home_is_in_the_users_folder_unless_a_variable_names_another(
    run: Run, tmp_path: Path, variables: dict[str, str], found: str
) -> None:
    given = {name: value.format(tmp_path) for name, value in variables.items()}

    assert shown(run, "paths.home_folder()", **given) == str(tmp_path / found)


def test_the_file_in_the_home_cannot_name_another_home(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data/redeemer").mkdir(parents=True)
    (tmp_path / "data/redeemer/.env").write_text("REDEEMER_HOME=elsewhere\n")

    refused = run("check", XDG_DATA_HOME=str(tmp_path / "data"))

    assert refused.returncode == 1
    assert "Set it in the environment." in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_home_of_an_unknown_user_is_refused_in_one_line(run: Run) -> None:
    refused = run("check", REDEEMER_HOME="~no-such-user/redeemer")

    assert refused.returncode == 1
    assert "write the whole path" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_advice_names_the_command_of_the_wheel(run: Run) -> None:
    assert "start it with `redeemer up`" in run("status").stderr
    assert run("status", "--help").stdout.startswith("usage: redeemer status ")
    assert run("--version").stdout == f"{__version__}\n"
