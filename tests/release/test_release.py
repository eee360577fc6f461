"""`make release` refuses what is not ready, and changes nothing."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

import release
from tests.release.conftest import Git

_TODAY = dt.date(2026, 11, 28)
_READY = """# Changelog

## Unreleased

## 1.2.0 - 2026-11-28

Read this before you upgrade:

- Stop the workers first.

### Added

- A thing.

## 1.1.0 - 2026-11-01
"""


@pytest.fixture
def ready(tmp_path: Path, git: Git) -> Path:
    """A repository in which 1.2.0 can be released, after 1.1.0."""
    (tmp_path / "giftcodes").mkdir()
    (tmp_path / "giftcodes/__init__.py").write_text('"""The app."""\n\n__version__ = "1.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(_READY)
    git("add", ".")
    git("commit", "--message", "Release 1.2.0")
    git("tag", "v1.1.0")
    return tmp_path


def refusals(repository: Path, today: dt.date = _TODAY) -> list[str]:
    return list(release.refusals(repository, today))


def edit(file: Path, old: str, new: str) -> None:
    """Replace a text, which must be there, in a file of the repository."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_release_that_is_ready_is_not_refused(ready: Path) -> None:
    assert refusals(ready) == []


def test_uncommitted_changes_are_refused_by_name(ready: Path) -> None:
    edit(ready / "CHANGELOG.md", "A thing.", "Another thing.")
    (ready / "forgotten.py").touch()

    (refusal,) = refusals(ready)
    assert "Commit or remove" in refusal
    assert "CHANGELOG.md" in refusal
    assert "forgotten.py" in refusal


@pytest.mark.parametrize("version", ["1.2", "1.2.0rc1", "01.2.0", "v1.2.0", ""])
def test_a_version_without_three_numbers_is_refused(ready: Path, git: Git, version: str) -> None:
    edit(ready / "giftcodes/__init__.py", '"1.2.0"', f'"{version}"')
    git("commit", "--all", "--message", "Change the version")

    assert refusals(ready) == [f"{version} is no version with three numbers, such as 1.2.0."]


def test_a_project_without_a_version_is_refused(ready: Path, git: Git) -> None:
    edit(ready / "giftcodes/__init__.py", "__version__", "version")
    git("commit", "--all", "--message", "Lose the version")

    assert refusals(ready) == ["giftcodes/__init__.py defines no __version__."]


def test_a_version_that_has_a_tag_is_refused(ready: Path, git: Git) -> None:
    git("tag", "v1.2.0")

    (refusal,) = refusals(ready)
    assert refusal.startswith("The tag v1.2.0 exists already")


def test_a_version_before_the_newest_tag_is_refused_by_number_and_not_by_letter(
    ready: Path, git: Git
) -> None:
    git("tag", "v1.10.0")
    git("tag", "v1.9.0")

    assert refusals(ready) == ["1.2.0 is older than 1.10.0, which has a tag."]


@pytest.mark.parametrize(
    ("old", "new", "refusal"),
    [
        ("## Unreleased\n\n", "", 'must begin with an empty part "Unreleased"'),
        ("## Unreleased\n", "## Unreleased\n\n- More.\n", 'has lines under "Unreleased"'),
        ("## 1.2.0 - 2026-11-28", "## 1.3.0 - 2026-11-28", "is not 1.2.0"),
        (" - 2026-11-28", "", 'needs a date: "## 1.2.0 - 2026-11-28"'),
        (" - 2026-11-28", " - soon", "needs a date"),
        (" - 2026-11-28", " - 2026-11-27", "on 2026-11-27, but today is 2026-11-28 (UTC)"),
        ("Read this before you upgrade:\n\n- Stop the workers first.\n", "", "what an upgrade to"),
        ("- Stop the workers first.\n", "", "what an upgrade to 1.2.0 needs"),
    ],
)
def test_a_changelog_that_is_not_ready_is_refused(
    ready: Path, git: Git, old: str, new: str, refusal: str
) -> None:
    edit(ready / "CHANGELOG.md", old, new)
    git("commit", "--all", "--message", "Change the changelog")

    (found,) = refusals(ready)
    assert refusal in found


def test_all_refusals_are_shown_together(ready: Path, git: Git) -> None:
    git("tag", "v1.2.0")
    edit(ready / "CHANGELOG.md", " - 2026-11-28", "")

    assert len(refusals(ready)) == 3


def test_a_refused_release_runs_no_step_and_has_a_status(
    ready: Path, git: Git, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    git("tag", "v1.2.0")
    monkeypatch.setattr(release, "REPOSITORY", ready)
    monkeypatch.setattr(release, "steps", lambda _folder: pytest.fail("a step ran"))

    assert release.main() == 1
    assert "✗ The tag v1.2.0 exists already" in capsys.readouterr().err


@pytest.mark.parametrize(("command", "status"), [("true", 0), ("false", 1)])
def test_the_next_commands_are_shown_only_after_every_step(
    ready: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    status: int,
) -> None:
    monkeypatch.setattr(release, "REPOSITORY", ready)
    monkeypatch.setattr(release, "steps", lambda _folder: iter([["true"], [command]]))
    # The changelog of the fixture has a date, which is not today's.
    edit(ready / "CHANGELOG.md", "2026-11-28", f"{dt.datetime.now(dt.UTC).date()}")
    monkeypatch.setattr(release, "_git", lambda *_: "")

    assert release.main() == status
    assert ("git tag --annotate v1.2.0" in capsys.readouterr().out) == (status == 0)


def test_nothing_is_tagged_or_changed(ready: Path, git: Git) -> None:
    before = sorted(ready.rglob("*"))
    refusals(ready)

    assert sorted(ready.rglob("*")) == before
    assert not (ready / ".git/refs/tags/v1.2.0").exists()
