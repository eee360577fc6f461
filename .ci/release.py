"""Check a release, and say what to do next, for the Makefile. Nothing is tagged or pushed here.

First come the checks that take no time: all that fail are shown together. Then each step must
succeed: lint, the documentation, two equal builds, and a trial of the wheel.
"""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from sbom import project_version

REPOSITORY = Path(__file__).resolve().parent.parent
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_HEADING = re.compile(r"^## (?P<title>.+)$", re.MULTILINE)
#: The first line of the part of a release that says what an upgrade needs.
_UPGRADE = "Read this before you upgrade:"


def refusals(repository: Path, today: dt.date) -> Iterator[str]:
    """Yield what stands in the way of a release of the last commit, one sentence each.

    Args:
        repository: the folder of the Git repository.
        today: the date, in UTC.
    """
    if changed := _git(repository, "status", "--porcelain"):
        yield f"Commit or remove these changes first:\n{changed}"
    try:
        version = project_version(repository)
    except ValueError as error:
        yield str(error)
        return
    if not _VERSION.fullmatch(version):
        yield f"{version} is no version with three numbers, such as 1.2.0."
        return
    yield from _of_the_tags(version, _git(repository, "tag", "--list", "v*").split())
    changelog = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    yield from _of_the_changelog(version, changelog, today)


def _of_the_tags(version: str, tags: list[str]) -> Iterator[str]:
    if f"v{version}" in tags:
        yield f"The tag v{version} exists already: raise the version in giftcodes/__init__.py."
        return
    released = [tag[1:] for tag in tags if _VERSION.fullmatch(tag[1:])]
    newest = max(released, key=_numbers, default=None)
    if newest and _numbers(version) < _numbers(newest):
        yield f"{version} is older than {newest}, which has a tag."


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


def _of_the_changelog(version: str, text: str, today: dt.date) -> Iterator[str]:
    parts = _parts(text)
    titles = list(parts)
    if titles[:1] != ["Unreleased"]:
        yield 'CHANGELOG.md must begin with an empty part "Unreleased".'
    elif parts["Unreleased"]:
        yield 'CHANGELOG.md has lines under "Unreleased": they belong to the release.'
    released = [title for title in titles if title != "Unreleased"]
    if not released or released[0].partition(" - ")[0] != version:
        yield f"The newest release in CHANGELOG.md is not {version}."
        return
    date = released[0].partition(" - ")[2]
    try:
        day = dt.date.fromisoformat(date)
    except ValueError:
        yield f'CHANGELOG.md needs a date: "## {version} - {today}".'
    else:
        if day != today:
            yield f"CHANGELOG.md dates {version} on {date}, but today is {today} (UTC)."
    notes = parts[released[0]].partition(_UPGRADE)[2]
    if not re.match(r"\s+- \S", notes):
        yield (
            f'CHANGELOG.md does not say what an upgrade to {version} needs: write "{_UPGRADE}" and '
            'a list. If it needs nothing, the list is "- Nothing."'
        )


def _parts(changelog: str) -> dict[str, str]:
    """Return the text of each part, by its title."""
    found = list(_HEADING.finditer(changelog))
    ends = [match.start() for match in found[1:]] + [len(changelog)]
    return {
        match["title"]: changelog[match.end() : end].strip()
        for match, end in zip(found, ends, strict=True)
    }


def _git(repository: Path, *words: str) -> str:
    command = ["git", "-C", str(repository), *words]
    return subprocess.run(  # noqa: S603 - no outside input
        command, capture_output=True, text=True, check=True
    ).stdout.strip("\n")


def steps(repository: Path) -> Iterator[list[str]]:
    """Yield the commands that must succeed. Each is asked for when the one before has succeeded."""
    yield ["make", "lint"]
    yield ["make", "docs"]
    yield ["make", "dist"]
    (wheel,) = (repository / "dist").glob("*.whl")
    yield [sys.executable, ".ci/trial.py", str(wheel.relative_to(repository))]


def main() -> int:
    """Check everything, and return the exit status."""
    found = list(refusals(REPOSITORY, dt.datetime.now(dt.UTC).date()))
    for refusal in found:
        sys.stderr.write(f"✗ {refusal}\n")
    if found:
        return 1
    for command in steps(REPOSITORY):
        _say(f"→ {' '.join(command)}")
        if status := subprocess.call(command, cwd=REPOSITORY):  # noqa: S603 - no outside input
            sys.stderr.write(f"✗ {' '.join(command)} failed: see above.\n")
            return status
    version = project_version(REPOSITORY)
    _say(
        f"✓ {version} can be released. docs/how-to/release.md lists the longer checks. Then:\n\n"
        f'    git tag --annotate v{version} --message "Redeemer {version}"\n'
        f"    git push origin main v{version}\n"
        "    make image\n\n"
        "The files for the release are in dist/."
    )
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
