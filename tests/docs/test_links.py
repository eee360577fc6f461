"""Links of pages outside the site, and paths of pages that the code names, lead somewhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from markdown.extensions.toc import slugify

REPOSITORY = Path(__file__).resolve().parents[2]
#: Pages that are not part of the site, whose links `make docs` does not check.
_OUTSIDE = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
_LINK = re.compile(r"\[[^\]]+\]\((?!https?://)(?P<path>[^)#\s]*)(?:#(?P<anchor>[^)\s]+))?\)")
#: A path of a page, as comments and error texts name it.
_PAGE = re.compile(r"(?<![\w./-])docs/[\w./-]*\w")
_CODE = re.compile(r"```.*?```|^    .*?$|`[^`]*`", re.DOTALL | re.MULTILINE)
_NAMING_FILES = (
    "*.py",
    "*.html",
    "*.sql",
    "*.js",
    "*.md",
    "Makefile",
    "Dockerfile",
    "compose.yaml",
    "mkdocs.yml",
    "pyproject.toml",
    ".env.example",
    "requirements*.in",
    ".ci/*",
)
#: Parts of the addresses of Discord's documentation, which look like paths of our pages.
_ELSEWHERE = frozenset(
    {"docs/resources/webhook", "docs/topics/rate-limits", "docs/topics/opcodes-and-status-codes"}
)


def tracked(*patterns: str) -> list[Path]:
    """The files of the repository that match the patterns, without those that Git ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *patterns],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    ).stdout.decode()
    return [
        REPOSITORY / name for name in listed.split("\0") if name and (REPOSITORY / name).is_file()
    ]


def anchors_of(page: Path) -> set[str]:
    """The anchors of a page's headings, as the site makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    own = {found[1] for heading in headings if (found := re.search(r"\{ #([\w-]+) \}$", heading))}
    return own | {slugify(heading.replace("`", ""), "-") for heading in headings}


@pytest.mark.parametrize("name", _OUTSIDE)
def test_the_links_of_a_page_outside_the_site_lead_somewhere(name: str) -> None:
    text = _CODE.sub("", (REPOSITORY / name).read_text(encoding="utf-8"))

    broken = []
    for link in _LINK.finditer(text):
        page = REPOSITORY / link["path"]
        if not page.exists() or (link["anchor"] and link["anchor"] not in anchors_of(page)):
            broken.append(link[0])

    assert not broken


def test_the_readme_and_the_contributing_page_have_links() -> None:
    """Otherwise the test above could not fail."""
    for name in ("README.md", "CONTRIBUTING.md"):
        assert len(_LINK.findall((REPOSITORY / name).read_text(encoding="utf-8"))) > 5


def test_each_page_that_a_file_names_exists() -> None:
    named = {
        (str(file.relative_to(REPOSITORY)), path)
        for file in tracked(*_NAMING_FILES)
        if file != Path(__file__)
        for path in _PAGE.findall(file.read_text(encoding="utf-8"))
    }

    assert len(named) > 30
    assert {(file, path) for file, path in named if not _exists(path)} == set()


def test_each_file_that_a_page_names_exists() -> None:
    """It checks the files and folders that pages name in inline code."""
    name = re.compile(
        r"`(?P<path>(?:giftcodes|redeemer|simulator|chaos|benchmarks|tests|templates)/[\w./-]*)`"
    )
    named = {
        (page.name, path)
        for page in [*tracked("docs/*.md"), *(REPOSITORY / name for name in _OUTSIDE)]
        for path in name.findall(page.read_text(encoding="utf-8"))
    }

    assert len(named) > 20
    assert {(page, path) for page, path in named if not (REPOSITORY / path).exists()} == set()


def _exists(path: str) -> bool:
    """Whether the path is that of a page or a folder, or contains the number of a decision."""
    if (REPOSITORY / path).exists() or path in _ELSEWHERE:
        return True
    decision = re.fullmatch(r"docs/explanation/decisions/(\d{4})", path)
    return bool(decision and list(REPOSITORY.glob(f"{decision[0]}-*.md")))


def test_a_decision_is_named_by_a_number_that_exists() -> None:
    numbers = {
        int(page.name[:4]) for page in (REPOSITORY / "docs/explanation/decisions").glob("[0-9]*.md")
    }

    named = {
        (str(file.relative_to(REPOSITORY)), int(number))
        for file in tracked("*.py", "*.md", "*.sql")
        for number in re.findall(r"\bdecisions? (\d+)\b", file.read_text(encoding="utf-8"))
    }

    assert named
    assert {(file, number) for file, number in named if number not in numbers} == set()


def test_the_decisions_are_numbered_without_holes_and_listed() -> None:
    folder = REPOSITORY / "docs/explanation/decisions"
    pages = sorted(page.name for page in folder.glob("[0-9]*.md"))
    listed = re.findall(
        r"\| (\d+) \| \[.+\]\((.+)\) \|", (folder / "index.md").read_text(encoding="utf-8")
    )

    assert [int(name[:4]) for name in pages] == list(range(1, len(pages) + 1))
    assert [(int(number), name) for number, name in listed] == [
        (int(name[:4]), name) for name in pages
    ]
    for name in pages:
        assert (folder / name).read_text(encoding="utf-8").startswith(f"# {int(name[:4])}. ")


def test_the_pages_are_wrapped_at_100_columns() -> None:
    """Tables, code and headings cannot be wrapped."""
    long = []
    for page in [
        *tracked("docs/*.md"),
        *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md")),
    ]:
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        lines = [
            line
            for line in text.splitlines()
            if len(line) > 100 and not line.startswith(("|", "#", "    "))
        ]
        long += [(page.name, line) for line in lines]

    assert not long
