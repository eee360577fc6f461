"""Build what a release consists of into dist/, for the Makefile.

These are a wheel, an archive of the source, and the list of packages (sbom.py). They are built from
the last commit, not from the files in the folder. Everything is built twice, in different
circumstances. If both results are not the same, bit for bit, nothing is kept.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
#: Where each folder of the repository is in the wheel (redeemer/paths.py).
PACKAGED = {
    "giftcodes": "giftcodes",
    "redeemer": "redeemer",
    "simulator": "simulator",
    "templates": "redeemer/templates",
}
#: The environment of the second build. It also sees other permissions and dates of files.
_OTHERWISE = {"TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "7", "LC_ALL": "C"}


class DistError(Exception):
    """Nothing could be built. The text says why."""


def build(repository: Path, target: Path, commit: str = "HEAD") -> list[Path]:
    """Build a commit twice, and put the files into a folder.

    Args:
        repository: a folder of a Git repository.
        target: the folder for the files. Everything else in it is deleted.
        commit: the commit, by default the last one.

    Returns:
        The files: the archive, the list of packages and the wheel, in this order.

    Raises:
        DistError: a build failed, the two builds differ, or the wheel lacks a file.
    """
    with tempfile.TemporaryDirectory(prefix="dist-") as folder:
        source = Source(repository, commit)
        first = _build(source, Path(folder) / "first", {}, umask=0o022, date=10**9)
        second = _build(source, Path(folder) / "a second one", _OTHERWISE, umask=0o077, date=0)
        if different := differences(first, second):
            raise DistError(f"Two builds of one commit differ: {', '.join(different)}")
        wheel = next(first.glob("*.whl"))
        if missing := missing_files(source.files(), wheel):
            raise DistError(f"The wheel does not have {', '.join(missing)}")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(first, target)
    return sorted(target.iterdir(), key=lambda path: path.suffix)


@dataclass(frozen=True)
class Source:
    """A commit of a Git repository."""

    repository: Path
    commit: str

    def files(self) -> list[str]:
        """Return the paths of all files."""
        listed = self._git("ls-tree", "-r", "-z", "--name-only", self.commit)
        return [name for name in listed.decode().split("\0") if name]

    def time(self) -> int:
        """Return when the commit was made, in seconds since 1970."""
        return int(self._git("log", "-1", "--format=%ct", self.commit))

    def export(self, folder: Path, umask: int, date: int) -> None:
        """Write the files, with a date and with the permissions that a umask leaves."""
        archive = self._git("archive", "--format=tar", self.commit)
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        for path in folder.rglob("*"):
            if not path.is_symlink():
                is_run = path.is_dir() or path.stat().st_mode & 0o100
                path.chmod((0o777 if is_run else 0o666) & ~umask)
                os.utime(path, (date, date))

    def _git(self, *words: str) -> bytes:
        return _run(["git", *words], self.repository, os.environ)


def _build(
    source: Source, folder: Path, variables: Mapping[str, str], *, umask: int, date: int
) -> Path:
    files, target = folder / "source", folder / "dist"
    environment = {**os.environ, **variables, "SOURCE_DATE_EPOCH": str(source.time())}
    source.export(files, umask, date)
    _run([sys.executable, "-m", "hatchling", "build", "-d", str(target)], files, environment)
    wheel = next(target.glob("*.whl"))
    bill = _run([sys.executable, ".ci/sbom.py", "requirements.txt"], files, environment)
    name = "-".join(wheel.name.split("-")[:2])
    (target / f"{name}.cdx.json").write_bytes(bill)
    return target


def differences(first: Path, second: Path) -> list[str]:
    """Return the names of the files that are not the same in two folders."""
    names = {path.name for folder in (first, second) for path in folder.iterdir()}
    return sorted(name for name in names if _content(first / name) != _content(second / name))


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def missing_files(files: list[str], wheel: Path) -> list[str]:
    """Return which of the repository's files a wheel should have, but has not."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    wanted = {}
    for file in files:
        top, _, rest = file.partition("/")
        if top in PACKAGED:
            wanted[file] = f"{PACKAGED[top]}/{rest}"
    return [file for file, name in wanted.items() if name not in names]


def _run(command: list[str], folder: Path, environment: Mapping[str, str]) -> bytes:
    done = subprocess.run(  # noqa: S603 - no outside input
        command, cwd=folder, env=environment, capture_output=True, check=False
    )
    if done.returncode != 0:
        raise DistError(f"{' '.join(command)} failed:\n{done.stderr.decode(errors='replace')}")
    return done.stdout


def main() -> int:
    """Build into dist/, and return the exit status."""
    try:
        files = build(REPOSITORY, REPOSITORY / "dist")
    except DistError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for file in files:
        sys.stdout.write(f"{file.relative_to(REPOSITORY)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
