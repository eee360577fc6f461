"""What a release consists of, built once for all tests of a process."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from dist import Source, build
from redeemer.localserver.home import REPOSITORY

Git = Callable[..., None]


@pytest.fixture(scope="session")
def source() -> Source:
    """The files of the repository as they are now. Files that Git does not know are left out."""
    who = ["-c", "user.name=Tester", "-c", "user.email=tester@example.org"]
    command = ["git", *who, "stash", "create"]
    made = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return Source(REPOSITORY, made.stdout.strip() or "HEAD")


@pytest.fixture(scope="session")
def built(source: Source, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The archive of the source, the list of packages and the wheel."""
    folder = tmp_path_factory.mktemp("built") / "dist"
    found: list[Path] = build(source.repository, folder, source.commit)
    return found


@pytest.fixture
def git(tmp_path: Path) -> Git:
    """Runs Git in a repository of its own, which is empty."""

    def run(*words: str) -> None:
        who = ["-c", "user.name=Tester", "-c", "user.email=tester@example.org"]
        subprocess.run(["git", *who, *words], cwd=tmp_path, capture_output=True, check=True)

    run("init", "--initial-branch", "main")
    return run
