""".env.example, the page of settings and the source code name the same settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs._generate.reference import write_part
from redeemer.environment import parse
from redeemer.localserver.home import REPOSITORY
from tests.settings.copied import Copy

pytestmark = pytest.mark.slow

#: The example shows the settings of one game. Each game has the same settings.
_GAME = "WHITEOUT_"
_EXAMPLE = (REPOSITORY / ".env.example").read_text(encoding="utf-8")


def of_the_example() -> dict[str, str]:
    """The settings of .env.example with their values, including those in comments."""
    return parse(re.sub(r"^#(?=[A-Z_]+=)", "", _EXAMPLE, flags=re.MULTILINE), ".env.example")


def of_the_page() -> set[str]:
    """The settings of docs/reference/settings.md, as it is built."""
    names = re.findall(r"^\*\*`([^`]+)`\*\*", write_part("settings"), re.MULTILINE)
    return {name.replace("<GAME>_", _GAME) for name in names}


def of_the_source() -> set[str]:
    """The settings that the source code reads."""
    found: set[str] = set()
    for file in (
        "redeemer/settings.py",
        "redeemer/localserver/config.py",
        "redeemer/paths.py",
    ):
        text = (REPOSITORY / file).read_text(encoding="utf-8")
        found |= set(re.findall(r"(?:env|settings)\.\w+\(\s*\"([A-Z_]+)\"", text))
        found |= set(re.findall(r"os\.environ\.get\(\"([A-Z_]+)\"", text))
    found.remove("XDG_DATA_HOME")  # It belongs to the user's desktop.
    games = (REPOSITORY / "redeemer/games.py").read_text(encoding="utf-8")
    return found | {_GAME + end for end in re.findall(r"game\.setting\(\"([A-Z_]+)\"\)", games)}


def test_the_example_and_the_page_and_the_source_name_the_same_settings() -> None:
    assert set(of_the_example()) == of_the_page() == of_the_source()


def test_each_setting_of_the_example_has_a_sentence_before_it() -> None:
    blocks = [block.splitlines() for block in _EXAMPLE.split("\n\n")]
    for block in blocks:
        assert block[0].startswith("# "), block[0]
        assert all(line.startswith("#") for line in block)
    sentences = re.findall(r"^# [^-].*\.$", _EXAMPLE, re.MULTILINE)
    assert len(sentences) >= len(of_the_example())


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A project without any setting."""
    return Copy(tmp_path_factory.mktemp("copy"))


_ALL = (
    "sorted((name, repr(sorted(value) if isinstance(value, set) else value))"
    " for name, value in vars(__import__('redeemer.settings').settings).items()"
    " if name.isupper() and name not in ('UNFOLD', 'LOGGING'))"
)


def test_the_values_of_the_example_are_the_defaults(copy: Copy) -> None:
    """Lines `NAME=` are left out.

    Their settings have no default, or a default that depends on other settings.
    """
    without = copy.value(_ALL)
    given = {name: value for name, value in of_the_example().items() if value}
    copy.file.write_text("\n".join(f"{name}={value}" for name, value in given.items()) + "\n")

    assert copy.value(_ALL, REDEEMER_HOME=str(Path(copy.file.parent / "home"))) == without


def test_the_example_works_as_it_is_and_with_its_lines_switched_on(copy: Copy) -> None:
    copy.file.write_text(_EXAMPLE, encoding="utf-8")
    assert copy.manage("check").returncode == 0

    copy.file.write_text("\n".join(f"{name}={value}" for name, value in of_the_example().items()))

    assert copy.manage("check").returncode == 0
