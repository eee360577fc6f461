"""Every text in the code of the bot is given to gettext. The log has plain English."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from giftcodes.discord_bot.commands import COMMANDS
from giftcodes.discord_bot.presses import PRESSES
from redeemer.localserver.home import REPOSITORY

FOLDER = REPOSITORY / "giftcodes" / "discord_bot"
#: What may have a text in English: gettext, which translates it, and the log.
_GETTEXT = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "pgettext", "pgettext_lazy"}
_OF_THE_LOG = {"log_lines", "self._say", "_sent", "NotConnectedError", "_LINES"}
#: A statement in SQL is no text.
_OF_THE_DATABASE = {"execute"}
#: What shows its texts to a person, even a text of one word.
_SHOWN = {"Answer", "Button", "Menu", "Field", "Form", "Refused", "DiscordRefused"}
_SENTENCE = re.compile(r"[^\W\d_]{2,} [^\W\d_]{2,}")
_WORD = re.compile(r"[^\W\d_]{2,}")
#: Its texts are for the log, and for translators.
_NOT_SHOWN = {"translating.py"}


def called(node: ast.Call) -> str:
    """What is called, such as `gettext` or `log_lines.info`."""
    return ast.unparse(node.func)


def is_free(node: ast.AST) -> bool:
    """Whether texts in this part of the code may be in English."""
    if isinstance(node, ast.Call):
        name = called(node)
        return name in _GETTEXT | _OF_THE_LOG | _OF_THE_DATABASE or name.startswith("log_lines.")
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return any(ast.unparse(one) in _OF_THE_LOG for one in targets)
    # Docstrings.
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def texts(node: ast.AST, found: re.Pattern[str]) -> Iterator[str]:
    """The texts in a part of the code that look like words and are not translated."""
    if is_free(node):
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if found.search(node.value) and node.value not in PRESSES:
            yield f"line {node.lineno}: {node.value}"
        return
    if isinstance(node, ast.Call):
        found = _WORD if called(node) in _SHOWN else _SENTENCE
    children = ast.iter_child_nodes(node)
    if isinstance(node, ast.Dict):
        children = iter(node.values)  # The keys are the names of placeholders.
    for child in children:
        yield from texts(child, found)


def untranslated(code: str) -> list[str]:
    return list(texts(ast.parse(code), _SENTENCE))


@pytest.mark.parametrize("name", sorted({one.name for one in FOLDER.glob("*.py")} - _NOT_SHOWN))
def test_no_text_of_the_bot_bypasses_gettext(name: str) -> None:
    assert COMMANDS  # All modules are imported, so all names of buttons are known.
    assert untranslated((FOLDER / name).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "code",
    [
        'Answer("Done")',
        'Button("Stop", "stop")',
        'Answer(f"Hello {name}")',
        'lines.append("No code is known.")',
        'raise Refused("No.") if x else Refused("Not now.")',
        'words = "two words" if x else _("three words more")',
        'parts = (Menu(hint="Choose", action=_("x"), choices=()),)',
    ],
)
def test_the_search_finds_texts_without_gettext(code: str) -> None:
    assert untranslated(code)
