"""Check pinned requirements for known vulnerabilities, for the Makefile: `advisories.py FILE …`.

pip-audit does the work, in an environment of its own. This program lets pip-audit ask the Python
Package Index first, and then OSV about the packages for which the index had no answer. pip-audit
also says “No known vulnerabilities found” if a service knows nothing about a package; here such a
package counts as not checked.

The exit status is 0 if every package was checked and none has a known vulnerability, 1 if a package
has one, and 2 if some packages could not be checked.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_TOOL = "pip-audit==2.10.1"
SERVICES = ("pypi", "osv")
_SECONDS = 600
_PINNED = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?==", re.MULTILINE)
#: At most this many of the unchecked packages are listed by name.
_NAMED = 5

#: Runs the tool with a service and requirements files. Returns its JSON output, or a sentence that
#: says why there is none.
Audit = Callable[[str, Iterable[Path]], "dict[str, Any] | str"]


@dataclass
class Result:
    """What is known about the packages so far.

    Args:
        missing: the names of packages that no service has answered for.
        elsewhere: the names of packages that are not installed on this system.
        found: a line for each vulnerability.
        reasons: a line for each service that did not answer for every package.
    """

    missing: set[str]
    elsewhere: set[str] = field(default_factory=set)
    found: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def add(self, service: str, answer: dict[str, Any] | str) -> None:
        """Add the tool's answer for one service."""
        if isinstance(answer, str):
            self.reasons.append(f"{service}: {answer}")
            return
        packages = {normal(package["name"]): package for package in answer["dependencies"]}
        # The tool leaves out packages that the requirements install only on other systems.
        self.elsewhere |= self.missing - packages.keys()
        self.missing &= packages.keys()
        skipped = [
            package["skip_reason"] for package in packages.values() if "vulns" not in package
        ]
        if skipped:
            self.reasons.append(f"{service}, for {len(skipped)} package(s): {skipped[0]}")
        for name in sorted(self.missing):
            if "vulns" in packages[name]:
                self.missing.remove(name)
                self.found += [_line(packages[name], found) for found in packages[name]["vulns"]]


def _line(package: dict[str, Any], vulnerability: dict[str, Any]) -> str:
    names = ", ".join([vulnerability["id"], *vulnerability.get("aliases", [])])
    fixed = ", ".join(vulnerability.get("fix_versions", [])) or "no release yet"
    return f"{package['name']} {package['version']}: {names}; fixed in {fixed}"


def check(files: Iterable[Path], audit: Audit) -> Result:
    """Ask the services in turn until every pinned package is checked or no service is left."""
    files = list(files)
    result = Result({name for file in files for name in pinned(file.read_text("utf-8"))})
    for service in SERVICES:
        if result.missing:
            result.add(service, audit(service, files))
    return result


def pinned(requirements: str) -> set[str]:
    """Return the names of the pinned packages, in their normal form."""
    return {normal(name) for name in _PINNED.findall(requirements)}


def normal(name: str) -> str:
    """Return a package's name in the form in which the index compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def run_tool(service: str, files: Iterable[Path]) -> dict[str, Any] | str:
    """Run pip-audit. It only reads the files: it installs and resolves nothing.

    Returns:
        Its JSON output, or a sentence that says why there is none.
    """
    command = [sys.executable, "-m", "uv", "tool", "run", _TOOL, "--format", "json"]
    command += ["--vulnerability-service", service, "--require-hashes", "--disable-pip"]
    command += ["--progress-spinner", "off"]
    command += [part for file in files for part in ("--requirement", str(file))]
    try:
        done = subprocess.run(  # noqa: S603 - no outside input
            command, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
        answer: dict[str, Any] = json.loads(done.stdout)
        answer["dependencies"]
    except subprocess.TimeoutExpired:
        return f"no answer within {_SECONDS} s"
    except (OSError, ValueError, KeyError, TypeError):
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return lines[-1].strip()[:300] if lines else f"ended with status {done.returncode}"
    return answer


def main(*files: Path, audit: Audit = run_tool) -> int:
    """Check the files, show the result, and return the exit status."""
    result = check(files, audit)
    for line in result.found:
        _say(f"VULNERABLE: {line}")
    if result.missing:
        names = sorted(result.missing)
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        _say(f"NOT CHECKED: {', '.join(names[:_NAMED])}{more}.")
        for reason in result.reasons:
            _say(f"  {reason}")
        _say("Run this where the Python Package Index or api.osv.dev can be reached.")
    if result.elsewhere:
        _say(f"Not for this system, and not checked: {', '.join(sorted(result.elsewhere))}.")
    if not result.found and not result.missing:
        _say("Every package for this system was checked; none has a known vulnerability.")
    if result.found:
        return 1
    return 2 if result.missing else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
