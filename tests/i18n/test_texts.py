"""No template, and no reader of lists, has a text that is not given to gettext."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from redeemer.localserver.home import REPOSITORY
from tests.discord_bot import test_texts

TEMPLATES = sorted((REPOSITORY / "templates").rglob("*.html"))
#: Its words are what people write into chats, or for the log of a process of its own.
_NOT_SHOWN = {"names.py", "workbook_reader.py"}
ROSTER = sorted(
    one for one in (REPOSITORY / "giftcodes" / "roster").glob("*.py") if one.name not in _NOT_SHOWN
)
#: What is no text of a page: comments, translated blocks, tags of templates, scripts and styles.
_LEFT_OUT = (
    r"\{#.*?#\}",
    r"\{% comment.*?endcomment %\}",
    r"\{% blocktranslate.*?endblocktranslate %\}",
    r"\{%.*?%\}",
    r"\{\{.*?\}\}",
    r"<(script|style|svg)\b.*?</\1>",
    # The name of an icon.
    r"<span class=\"material-symbols-outlined.*?</span>",
    r"<!--.*?-->",
)
_ATTRIBUTE = re.compile(r'\s(?:aria-label|alt|placeholder|title)="([^"]*)"')
_GETTEXT = re.compile("_|n?p?gettext(_lazy)?")
_WORD = re.compile(r"[^\W\d_]{2,}")
#: The name of the program, and signs.
_NAMES = {"Redeemer", "Ctrl", "ms", "nbsp", "doctype", "html"}


def untranslated(template: str) -> set[str]:
    """The words of a template that no translation reaches."""
    for pattern in _LEFT_OUT:
        template = re.sub(pattern, " ", template, flags=re.DOTALL)
    said = " ".join(_ATTRIBUTE.findall(template))
    # An attribute may contain `>`, as in a comparison.
    text = re.sub(r"""<(?:"[^"]*"|'[^']*'|[^'">])*>""", " ", template)
    return set(_WORD.findall(f"{text} {said}")) - _NAMES


@pytest.mark.parametrize(
    "file", TEMPLATES, ids=lambda file: str(file.relative_to(REPOSITORY / "templates"))
)
def test_no_text_of_a_template_bypasses_gettext(file: Path) -> None:
    assert untranslated(file.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize(
    "template",
    [
        "<p>Hello</p>",
        "{% if x %}Hello{% endif %}",
        '<a title="Hello">{{ name }}</a>',
        '{% translate "No" %} and {{ name }}',
    ],
)
def test_the_search_finds_texts_without_gettext(template: str) -> None:
    assert untranslated(template)


def gettext_in_fstrings(source: str) -> list[str]:
    """The calls of gettext within f-strings, where `xgettext` does not find them."""
    return [
        ast.unparse(call)
        for text in ast.walk(ast.parse(source))
        if isinstance(text, ast.JoinedStr)
        for call in ast.walk(text)
        if isinstance(call, ast.Call) and _GETTEXT.fullmatch(ast.unparse(call.func))
    ]


def test_every_call_of_gettext_is_found_when_texts_are_extracted() -> None:
    files = [*(REPOSITORY / "giftcodes").rglob("*.py"), *(REPOSITORY / "redeemer").rglob("*.py")]
    assert [one for file in files for one in gettext_in_fstrings(file.read_text("utf-8"))] == []
    assert gettext_in_fstrings('f\'{_("No")} and {ngettext("a", "b", 2) % 2}\'')


@pytest.mark.parametrize("file", ROSTER, ids=lambda file: file.name)
def test_no_text_about_a_list_bypasses_gettext(file: Path) -> None:
    found = test_texts.untranslated(file.read_text(encoding="utf-8"))
    # Values of fields, and what begins a line of a docstring, are no sentences.
    assert [text for text in found if text.rstrip().endswith((".", ":"))] == []
