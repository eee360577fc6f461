"""Each import contract in pyproject.toml must reject a wrong import in a copy of the source."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
SETTINGS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
    "tool"
]["importlinter"]
CONTRACTS: dict[str, dict[str, Any]] = {
    contract["name"]: contract for contract in SETTINGS["contracts"]
}

#: An importing module, and what it imports.
Import = tuple[str, str]


def layer_imports(contract: dict[str, Any]) -> list[Import]:
    """Imports that the layers forbid: a module imports one of the layer above, or a neighbour."""
    (container,) = contract["containers"]
    layers = [
        [f"{container}.{name.strip()}" for name in layer.split("|")] for layer in contract["layers"]
    ]
    upwards = [(module, upper[0]) for upper, lower in pairwise(layers) for module in lower]
    return upwards + [pair for layer in layers for pair in permutations(layer, 2)]


#: For each contract, the imports that it must reject.
WRONG_IMPORTS: dict[str, list[Import]] = {
    "Imports go downwards only": layer_imports(CONTRACTS["Imports go downwards only"]),
    "Models do not import each other in a circle": [
        ("giftcodes.models.guild", "giftcodes.models.member_redemption")
    ],
    "Steps of the pipeline do not import each other": [
        ("giftcodes.pipeline.poll", "giftcodes.pipeline.sweep")
    ],
    "Clients of outside services do not import the database": [
        ("giftcodes.clients", "django.db"),
        ("giftcodes.clients", "giftcodes.models"),
        ("giftcodes.domain.outcomes", "django.db"),
        ("giftcodes.domain.backoff", "django.db"),
    ],
    "Only the bot imports discord.py": [
        ("giftcodes.services.discord_links", "discord"),
        ("giftcodes.management.commands.discord_bot", "discord"),
        ("redeemer.localserver.bot_watch", "discord"),
    ],
    "Only its command imports the bot": [
        ("giftcodes.admin", "giftcodes.discord_bot"),
        ("redeemer.localserver.up", "giftcodes.discord_bot"),
    ],
    "The app imports nothing of the Django project around it": [("giftcodes.domain", "redeemer")],
    "The simulator imports nothing of the application": [
        ("simulator", "giftcodes"),
        ("simulator", "redeemer"),
    ],
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the packages and their contracts."""
    copy = tmp_path_factory.mktemp("imports")
    ignored = shutil.ignore_patterns("__pycache__", "static", "locale")
    for package in SETTINGS["root_packages"]:
        shutil.copytree(ROOT / package, copy / package, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def file_of(module: str, tree: Path) -> Path:
    path = tree.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    """Run `lint-imports` on the copy. `python -c` puts the copy before any installed package."""
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", command],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_every_contract_has_a_wrong_import_to_reject() -> None:
    assert set(WRONG_IMPORTS) == set(CONTRACTS)


def test_the_source_keeps_every_contract(tree: Path) -> None:
    result = lint(tree)

    assert result.returncode == 0, result.stdout + result.stderr
    for name in CONTRACTS:
        assert f"\n{name} KEPT\n" in result.stdout


@pytest.mark.parametrize(
    ("name", "importer", "imported"),
    [(name, *wrong) for name, imports in WRONG_IMPORTS.items() for wrong in imports],
)
def test_a_wrong_import_breaks_its_contract(
    name: str, importer: str, imported: str, tree: Path
) -> None:
    file = file_of(importer, tree)
    original = file.read_text(encoding="utf-8")
    file.write_text(f"{original}\nimport {imported}\n", encoding="utf-8")

    result = lint(tree)
    file.write_text(original, encoding="utf-8")

    assert result.returncode == 1, result.stdout + result.stderr
    assert f"\n{name} BROKEN\n" in result.stdout
