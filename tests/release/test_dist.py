"""`make dist` builds what is in the last commit, completely, and always the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

import dist
from giftcodes import __version__
from redeemer.localserver.home import REPOSITORY
from tests.release.conftest import Git


def test_a_release_is_an_archive_a_list_of_packages_and_a_wheel(built: list[Path]) -> None:
    assert [path.name for path in built] == [
        f"gift_code_redeemer-{__version__}.tar.gz",
        f"gift_code_redeemer-{__version__}.cdx.json",
        f"gift_code_redeemer-{__version__}-py3-none-any.whl",
    ]


def test_the_wheel_has_each_file_of_the_packages_and_no_other(
    built: list[Path], source: dist.Source
) -> None:
    (wheel,) = (path for path in built if path.suffix == ".whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}

    wanted = set()
    for file in source.files():
        top, _, rest = file.partition("/")
        if top in dist.PACKAGED:
            wanted.add(f"{dist.PACKAGED[top]}/{rest}")
    assert names == wanted


def test_the_wheel_needs_what_requirements_in_names(built: list[Path]) -> None:
    (wheel,) = (path for path in built if path.suffix == ".whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        metadata = message_from_bytes(archive.read(name))

    lines = (REPOSITORY / "requirements.in").read_text().splitlines()
    named = {re.split(r"[\[~=#\s]", line)[0] for line in lines if line and line[0] != "#"}
    needed = {re.split(r"[\[~=]", need)[0] for need in metadata.get_all("Requires-Dist", [])}
    assert needed == {name.replace(".", "-") for name in named}
    assert metadata["Requires-Python"] == ">=3.11"


def test_the_archive_has_every_file_of_the_commit(built: list[Path], source: dist.Source) -> None:
    (archive,) = (path for path in built if path.suffix == ".gz")
    with tarfile.open(archive) as files:
        names = {name.partition("/")[2] for name in files.getnames()}

    assert names - {"PKG-INFO"} == set(source.files())


def test_the_archive_gives_the_same_wheel(
    built: list[Path], source: dist.Source, tmp_path: Path
) -> None:
    (archive,) = (path for path in built if path.suffix == ".gz")
    (wheel,) = (path for path in built if path.suffix == ".whl")
    with tarfile.open(archive) as files:
        files.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()

    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel"],
        cwd=folder,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(source.time())},
        capture_output=True,
        check=True,
    )

    assert (folder / "dist" / wheel.name).read_bytes() == wheel.read_bytes()


def test_two_results_that_differ_are_named(tmp_path: Path) -> None:
    for folder, content in (("one", "same"), ("two", "other")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "equal").write_text("same")
        (tmp_path / folder / "unequal").write_text(content)
    (tmp_path / "two" / "alone").touch()

    assert dist.differences(tmp_path / "one", tmp_path / "two") == ["alone", "unequal"]


def test_a_build_that_depends_on_its_folder_is_refused(tmp_path: Path, git: Git) -> None:
    """A project whose list of packages contains the path where it was built."""
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci/sbom.py").write_text("print(__file__)\n")
    (tmp_path / "requirements.txt").touch()
    (tmp_path / "giftcodes").mkdir()
    (tmp_path / "giftcodes/__init__.py").write_text('__version__ = "1.2.0"\n')
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "giftcodes"\nversion = "1.2.0"\n'
    )
    git("add", ".")
    git("commit", "--message", "Begin")

    with pytest.raises(dist.DistError, match=r"differ: giftcodes-1\.2\.0\.cdx\.json"):
        dist.build(tmp_path, tmp_path / "dist")
    assert not (tmp_path / "dist").exists()


def test_a_file_that_the_wheel_lacks_is_named(tmp_path: Path) -> None:
    wheel = tmp_path / "some.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("giftcodes/__init__.py", "")
        archive.writestr("redeemer/templates/a.html", "")

    files = ["giftcodes/__init__.py", "giftcodes/sql/a.sql", "templates/a.html", "tests/a.py"]
    assert dist.missing_files(files, wheel) == ["giftcodes/sql/a.sql"]


def test_the_image_has_the_labels_and_make_gives_their_values() -> None:
    image = (REPOSITORY / "Dockerfile").read_text()
    makefile = (REPOSITORY / "Makefile").read_text()
    labels = re.findall(r'org\.opencontainers\.image\.(\w+)="(?:\$\{(\w+)\}|[^"]+)"', image)

    assert {name for name, _ in labels} == {
        *("title", "description", "version", "revision", "created", "licenses")
    }
    for variable in (variable for _, variable in labels if variable):
        assert f"ARG {variable}=" in image
        assert f"--build-arg {variable}=" in makefile
