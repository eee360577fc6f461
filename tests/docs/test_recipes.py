"""The files, names, targets and commands in the recipes for contributors exist.

The recipes are read from the pages, so a new recipe is checked without a change here.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from docs._generate.reference import make_targets, own_commands

REPOSITORY = Path(__file__).resolve().parents[2]
_PAGES = (
    REPOSITORY / "docs/how-to/extend.md",
    REPOSITORY / "docs/how-to/release.md",
    REPOSITORY / "CONTRIBUTING.md",
)
#: A path. It begins with a top-level folder or file of the repository.
_PATH = re.compile(r"`(?P<path>(?:\.ci/|[a-z_]+/|\.?[\w-]+\.(?:py|md|toml|in|yaml))[\w./<>-]*)`")
_NAME_IN_FILE = re.compile(r"`(?P<name>\w+(?:\.\w+)*)`(?: \w+)? (?:in|of)\s+`(?P<path>[\w/]+\.py)`")
_MAKE = re.compile(r"\bmake (?P<target>[a-z]+(?:-[a-z]+)*)\b")
_COMMAND = re.compile(r"manage\.py (?P<command>[a-z_]+)\b")


def recipes() -> list[tuple[str, str]]:
    """Each recipe with its title. A recipe is the part of a page under one heading."""
    found = []
    for page in _PAGES:
        _, *parts = re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
        found += [(f"{page.stem}: {part.partition(chr(10))[0]}", part) for part in parts]
    return found


RECIPES = pytest.mark.parametrize(
    "text", [pytest.param(text, id=title) for title, text in recipes()]
)


def defined_in(path: Path) -> set[str]:
    """The names at the top level of a Python file, and those inside its classes."""
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        own = _names_of(node)
        names |= own
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{name}" for inner in node.body for name in _names_of(inner)}
    return names


def _names_of(node: ast.stmt) -> set[str]:
    match node:
        case ast.ClassDef() | ast.FunctionDef():
            return {node.name}
        case ast.Assign():
            return {target.id for target in node.targets if isinstance(target, ast.Name)}
        case ast.AnnAssign(target=ast.Name() as target):
            return {target.id}
        case ast.ImportFrom():
            return {alias.asname or alias.name for alias in node.names}
    return set()


@RECIPES
def test_the_files_of_a_recipe_exist(text: str) -> None:
    """A path with a `<placeholder>` is a file that the reader writes, so only its folder exists."""
    for path in _PATH.findall(text):
        assert (REPOSITORY / path.partition("<")[0]).exists(), path


@RECIPES
def test_the_names_of_a_recipe_are_defined_in_their_files(text: str) -> None:
    for name, path in _NAME_IN_FILE.findall(text):
        assert name in defined_in(REPOSITORY / path), f"{name} in {path}"


@RECIPES
def test_the_targets_and_commands_of_a_recipe_exist(text: str) -> None:
    commands = {*own_commands(), "makemigrations", "shell"}
    assert set(_MAKE.findall(text)) <= set(make_targets())
    assert set(_COMMAND.findall(text)) <= commands


def test_each_recipe_of_extend_names_a_file_and_something_in_a_file() -> None:
    """Otherwise the tests above could not fail."""
    extend = [title for title, _ in recipes() if title.startswith("extend: ")]

    assert len(extend) >= 6
    for title, text in recipes():
        if title.startswith("extend: "):
            assert _PATH.search(text), title
            assert _NAME_IN_FILE.search(text), title
