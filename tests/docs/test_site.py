"""The documentation builds strictly, without a network. A broken link or anchor stops it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def build(config: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build a site strictly."""
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", config, "-d", site],
        cwd=REPOSITORY,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_site_builds_strictly_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    built = build(REPOSITORY / "mkdocs.yml", tmp_path)

    assert built.returncode == 0, built.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 40
    loaded = re.compile(r"<(?:script|img|iframe)[^>]*\ssrc=\"?https?:|<link[^>]*\shref=\"?https?:")
    for page in pages:
        assert not loaded.search(page.read_text(encoding="utf-8")), page.name
    for sheet in tmp_path.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert not re.search(r"@import[^;]*https?:|url\([\"']?https?:", text), sheet.name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[gone](other.md)", "'other.md'"),
        ("[gone](#nowhere)", "#nowhere"),
        ("[gone](/absolute)", "absolute"),
        ("<!-- generated: colours -->", "'colours'"),
    ],
)
def test_a_page_with_a_mistake_stops_the_build(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text(f"# Page\n\n{text}\n", encoding="utf-8")
    config = tmp_path / "mkdocs.yml"
    config.write_text(
        f"INHERIT: {REPOSITORY}/mkdocs.yml\n"
        "docs_dir: docs\n"
        f"hooks: [{REPOSITORY}/docs/_generate/reference.py]\n"
        "nav: [index.md]\n",
        encoding="utf-8",
    )

    built = build(config, tmp_path / "site")

    assert built.returncode != 0
    assert words in built.stderr
