"""Print the list of the packages of a release, for the Makefile and the Dockerfile.

`sbom.py REQUIREMENTS` prints a software bill of materials: CycloneDX 1.6, as JSON. It has what the
pinned requirements say: the version and the hashes of each package, and which package needs it. It
uses only Python's own library, so the image can be built with it. The same files always give the
same text. SOURCE_DATE_EPOCH, in seconds, is its date; without it there is no date.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parent.parent
NAME = "gift-code-redeemer"
_PINNED = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\]+))?"
)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
#: A line that names what needs the package: another package, or the file with our own needs.
_NEEDED_BY = re.compile(r"#(?: via)? +(?!via$)(?P<name>-r \S+|[A-Za-z0-9][\w.-]*)$")


@dataclass
class Package:
    """A pinned package.

    Args:
        marker: the condition under which it is installed, or nothing.
        needed_by: the names of the packages that need it. Our own need is a name with `-r`.
    """

    name: str
    version: str
    marker: str
    hashes: list[str] = field(default_factory=list)
    needed_by: list[str] = field(default_factory=list)

    @property
    def purl(self) -> str:
        """Its address as a package URL, which is also its name within the list."""
        return f"pkg:pypi/{self.name}@{self.version}"


def read(requirements: str) -> list[Package]:
    """Return the packages of a file that `make lock` has written."""
    found: list[Package] = []
    for line in requirements.splitlines():
        if pinned := _PINNED.match(line):
            name = re.sub(r"[-_.]+", "-", pinned["name"]).lower()
            found.append(Package(name, pinned["version"], (pinned["marker"] or "").strip()))
        elif found and (needed_by := _NEEDED_BY.match(line.strip())):
            found[-1].needed_by.append(needed_by["name"])
        if found:
            found[-1].hashes += _HASH.findall(line)
    return found


def bill(packages: list[Package], version: str, epoch: int | None) -> dict[str, Any]:
    """Return the list as CycloneDX describes it.

    Args:
        packages: what is installed besides the project itself.
        version: the version of the project.
        epoch: the date of the list, in seconds since 1970, or None for no date.
    """
    root = f"pkg:pypi/{NAME}@{version}"
    content: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": NAME,
                "version": version,
                "licenses": [{"license": {"id": "MIT"}}],
                "purl": root,
            }
        },
        "components": [_component(package) for package in packages],
        "dependencies": list(_dependencies(root, packages)),
    }
    if epoch is not None:
        content["metadata"]["timestamp"] = dt.datetime.fromtimestamp(epoch, dt.UTC).isoformat()
    number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(content, sort_keys=True))
    return {**content, "serialNumber": f"urn:uuid:{number}"}


def _component(package: Package) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        "hashes": [{"alg": "SHA-256", "content": digest} for digest in package.hashes],
    }
    if package.marker:
        component["properties"] = [{"name": "redeemer:marker", "value": package.marker}]
    return component


def _dependencies(root: str, packages: list[Package]) -> Iterator[dict[str, Any]]:
    ours = [package.purl for package in packages if any("-r " in by for by in package.needed_by)]
    yield {"ref": root, "dependsOn": ours}
    for package in packages:
        needs = [other.purl for other in packages if package.name in other.needed_by]
        yield {"ref": package.purl, "dependsOn": needs}


def project_version(folder: Path) -> str:
    """Return the version of the project in this folder. `giftcodes/__init__.py` defines it.

    Raises:
        ValueError: the file defines no version.
    """
    text = (folder / "giftcodes" / "__init__.py").read_text(encoding="utf-8")
    if not (found := re.search(r'^__version__ = "([^"]*)"$', text, re.MULTILINE)):
        raise ValueError("giftcodes/__init__.py defines no __version__.")
    return found[1]


def main(requirements: Path) -> int:
    """Print the list, and return the exit status."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    packages = read(requirements.read_text(encoding="utf-8"))
    content = bill(packages, project_version(_ROOT), int(epoch) if epoch else None)
    sys.stdout.write(json.dumps(content, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
