"""The list of packages of a release is CycloneDX, complete, and always the same."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import sbom
from giftcodes import __version__
from redeemer.localserver.home import REPOSITORY

_REQUIREMENTS = f"""# by a tool
Celery[redis]==5.7.0 \\
    --hash=sha256:{"1" * 64} \\
    --hash=sha256:{"2" * 64}
    # via
    #   -r requirements.in
    #   django-celery_beat
kombu==5.7.1 ; python_version > '3' \\
    --hash=sha256:{"3" * 64}
    # via celery
"""


def bill(text: str, epoch: int | None = 0) -> dict[str, Any]:
    found: dict[str, Any] = sbom.bill(sbom.read(text), "1.2.0", epoch)
    return found


def test_the_list_of_the_project_keeps_to_the_schema(built: list[Path]) -> None:
    (file,) = (path for path in built if path.suffix == ".json")
    text = file.read_text()

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert json.loads(text)["metadata"]["component"]["version"] == __version__


def test_the_list_names_the_project_as_the_wheel_does() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]

    assert sbom.NAME == project["name"]


def test_each_pinned_package_is_listed_with_its_hashes(built: list[Path]) -> None:
    (file,) = (path for path in built if path.suffix == ".json")
    requirements = (REPOSITORY / "requirements.txt").read_text()
    components = json.loads(file.read_text())["components"]

    assert len(components) == sum("==" in line for line in requirements.splitlines())
    assert sum(len(component["hashes"]) for component in components) == requirements.count(
        "--hash="
    )


def test_each_package_is_needed_by_the_project_or_by_another(built: list[Path]) -> None:
    (file,) = (path for path in built if path.suffix == ".json")
    content = json.loads(file.read_text())

    needed = {name for entry in content["dependencies"] for name in entry["dependsOn"]}
    assert needed == {component["bom-ref"] for component in content["components"]}


def test_names_versions_markers_hashes_and_needs_are_read() -> None:
    celery, kombu = sbom.read(_REQUIREMENTS)

    assert (celery.name, celery.version, celery.marker) == ("celery", "5.7.0", "")
    assert celery.hashes == ["1" * 64, "2" * 64]
    assert celery.needed_by == ["-r requirements.in", "django-celery_beat"]
    assert (kombu.marker, kombu.needed_by) == ("python_version > '3'", ["celery"])


def test_the_project_needs_what_its_own_file_names_and_a_package_what_is_for_it() -> None:
    root, celery, _ = bill(_REQUIREMENTS)["dependencies"]

    assert root["dependsOn"] == ["pkg:pypi/celery@5.7.0"]
    assert celery["dependsOn"] == ["pkg:pypi/kombu@5.7.1"]


def test_the_number_of_a_list_follows_from_its_content() -> None:
    number = bill(_REQUIREMENTS)["serialNumber"]

    assert bill(_REQUIREMENTS)["serialNumber"] == number
    assert bill(_REQUIREMENTS.replace("5.7.1", "5.7.2"))["serialNumber"] != number
