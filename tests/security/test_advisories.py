"""`make advisories` never reports an unchecked package as one without vulnerabilities."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from redeemer.localserver.home import REPOSITORY

_SPEC = importlib.util.spec_from_file_location("advisories", REPOSITORY / ".ci/advisories.py")
assert _SPEC is not None
assert _SPEC.loader is not None
advisories = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = advisories  # `dataclass` looks up the module there.
_SPEC.loader.exec_module(advisories)

_REQUIREMENTS = """
# by a tool
Django==5.2 \\
    --hash=sha256:00
    # via -r requirements.in
celery[redis]==5.7 ; python_version > '3' \\
    --hash=sha256:00
"""
_HOLE = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["5.3"]}
_GOOD = {"name": "celery", "version": "5.7", "vulns": []}
_SAFE = {"name": "django", "version": "5.2", "vulns": []}
_SKIPPED = {"name": "django", "skip_reason": "Dependency not found on PyPI"}


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    file = tmp_path / "requirements.txt"
    file.write_text(_REQUIREMENTS)
    return file


def _run(requirements: Path, **answers: list[dict[str, Any]] | str) -> int:
    def audit(service: str, _files: Iterable[Path]) -> Any:
        answer = answers[service]
        return answer if isinstance(answer, str) else {"dependencies": answer}

    status: int = advisories.main(requirements, audit=audit)
    return status


def test_if_all_are_checked_and_nothing_is_found_the_status_is_0(
    requirements: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(requirements, pypi=[_GOOD, _SAFE]) == 0
    assert "none has a known vulnerability" in capsys.readouterr().out


def test_a_vulnerability_is_named_with_the_release_that_mends_it(
    requirements: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(requirements, pypi=[_GOOD, {**_SAFE, "vulns": [_HOLE]}]) == 1
    assert capsys.readouterr().out == ("VULNERABLE: django 5.2: PYSEC-1, CVE-1; fixed in 5.3\n")


@pytest.mark.parametrize("second", ["no such host", [_GOOD, _SKIPPED]])
def test_a_package_that_no_service_knows_is_reported_as_not_checked(
    requirements: Path, capsys: pytest.CaptureFixture[str], second: Any
) -> None:
    """pip-audit itself says that it found no vulnerability, and ends with status 0."""
    assert _run(requirements, pypi=[_GOOD, _SKIPPED], osv=second) == 2
    out = capsys.readouterr().out
    assert "NOT CHECKED: django." in out
    assert "none has a known vulnerability" not in out


def test_if_the_first_service_fails_the_second_one_is_asked(requirements: Path) -> None:
    assert _run(requirements, pypi="no such host", osv=[_GOOD, _SAFE]) == 0


def test_a_package_for_other_systems_is_named(
    requirements: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(requirements, pypi=[_SAFE]) == 0
    assert "Not for this system, and not checked: celery." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("output", "errors", "expected"),
    [
        ("", "trouble\nConnectionError: no such host\n", "ConnectionError: no such host"),
        ("[]", "", "ended with status 1"),
        ("{}", "", "ended with status 1"),
    ],
)
def test_if_the_answer_cannot_be_read_the_error_of_the_tool_is_returned(
    monkeypatch: pytest.MonkeyPatch, output: str, errors: str, expected: str
) -> None:
    monkeypatch.setattr(
        "subprocess.run",
        lambda command, **_: subprocess.CompletedProcess(command, 1, output, errors),
    )

    assert advisories.run_tool("pypi", [Path("requirements.txt")]) == expected
