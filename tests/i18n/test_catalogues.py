"""Each catalogue is complete and up to date, and no translation loses a value, a tag or a line."""

from __future__ import annotations

import ast
import gettext
import importlib.util
import json
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.conf import settings
from django.utils.translation import to_locale

from redeemer.localserver.home import REPOSITORY
from tests.i18n.catalogues import FOLDER, LOCALES, as_tuple, key, messages, messages_of, pairs

_PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|\{[\w.!:,]*\}|(?<!%)%[sdg]")
_MARKED = re.compile(r"</?[a-zA-Z][^>]*>|`[^`]*`|https?://[!-~]*[\w/]", re.ASCII)
_UPDATE = "run `make messages`"
#: How many texts of each language still wait for a translation. The numbers may only fall.
UNTRANSLATED = Path(__file__).with_name("untranslated.json")


def tool() -> ModuleType:
    """The program of `make messages`."""
    spec = importlib.util.spec_from_file_location("messages", REPOSITORY / ".ci" / "messages.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The texts that the code and the templates have now."""
    if missing := tool().missing_tools():
        pytest.skip(f"GNU gettext is not installed: {', '.join(missing)}")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(REPOSITORY)
        return messages_of(tool().extract(tmp_path_factory.mktemp("locale"), []))


def faults(message: Any) -> Iterator[str]:
    """What a translation lost or added, besides words."""
    for english, text, may_lose in pairs(message):
        if not text:
            continue
        wanted, found = (sorted(_PLACEHOLDER.findall(one)) for one in (english, text))
        if found != wanted and not (may_lose and set(found) <= set(wanted)):
            yield f"values {found} and not {wanted}: {text!r}"
        wanted, found = (sorted(_MARKED.findall(one)) for one in (english, text))
        if found != wanted:
            yield f"tags {found} and not {wanted}: {text!r}"
        for place in (slice(0, 1), slice(-1, None)):
            if (english[place].isspace() or text[place].isspace()) and english[place] != text[
                place
            ]:
                yield f"a space or new line at an end: {text!r}"


# --- The texts ------------------------------------------------------------------------------------
def test_no_catalogue_is_of_a_language_that_the_site_does_not_have() -> None:
    assert set(LOCALES) <= {to_locale(code) for code, _name in settings.LANGUAGES}


@pytest.mark.parametrize("code", [code for code, _name in settings.LANGUAGES if code != "en"])
def test_each_language_has_a_catalogue(code: str) -> None:
    if to_locale(code) not in LOCALES:
        pytest.skip(f"{code} is not translated yet")
    assert messages(to_locale(code))


@pytest.mark.parametrize("locale", LOCALES)
def test_a_catalogue_has_the_texts_of_the_code_and_no_others(
    locale: str, extracted: list[Any]
) -> None:
    now, known = set(map(key, extracted)), set(map(key, messages(locale)))
    assert now - known == set(), _UPDATE
    assert known - now == set(), _UPDATE


@pytest.mark.parametrize("locale", LOCALES)
def test_no_more_texts_are_untranslated_than_noted_and_none_is_fuzzy(locale: str) -> None:
    """A new text must be translated with the change that brings it."""
    assert [one.id for one in messages(locale) if one.fuzzy] == []
    left = [one.id for one in messages(locale) if not all(as_tuple(one.string))]
    noted = json.loads(UNTRANSLATED.read_text(encoding="utf-8")).get(locale, 0)
    assert len(left) <= noted, left
    assert len(left) >= noted, f"Write {len(left)} into {UNTRANSLATED.name}, so that it stays so."


@pytest.mark.parametrize("locale", LOCALES)
def test_no_translation_loses_a_value_a_tag_or_a_space_at_an_end(locale: str) -> None:
    assert [fault for one in messages(locale) for fault in faults(one)] == []


@pytest.mark.parametrize("locale", LOCALES)
def test_the_compiled_file_belongs_to_its_source(locale: str) -> None:
    """The site reads the `.mo` file. It is committed, so that it starts without GNU gettext."""
    with (FOLDER / locale / "LC_MESSAGES" / "django.mo").open("rb") as opened:
        compiled = dict(gettext.GNUTranslations(opened)._catalog)  # type: ignore[attr-defined]
    compiled.pop("")
    source: dict[Any, str] = {}
    for one in messages(locale):
        name = (
            as_tuple(one.id)[0]
            if one.context is None
            else f"{one.context}\x04{as_tuple(one.id)[0]}"
        )
        forms = as_tuple(one.string)
        if one.fuzzy or not all(forms):
            continue  # It is not compiled.
        if isinstance(one.id, tuple):
            source |= {(name, place): form for place, form in enumerate(forms)}
        else:
            source[name] = forms[0]
    assert compiled == source, _UPDATE


# --- The search for faults ------------------------------------------------------------------------
class _Message:
    def __init__(self, english: Any, text: Any) -> None:
        self.id, self.string = english, text


@pytest.mark.parametrize(
    ("english", "text"),
    [
        ("%(name)s is here", "Hier"),
        ("{} is here", "{name} ist hier"),
        ("<bdi>%s</bdi>", "%s"),
        ("Run `make up`.", "Starte."),
        ("Two lines\n", "Zwei Zeilen"),
        (" or ", "oder"),
        (("%d day", "%d days"), ("ein Tag", "Tage")),
    ],
)
def test_a_translation_that_loses_something_is_found(english: Any, text: Any) -> None:
    assert list(faults(_Message(english, text)))


def test_a_form_for_one_may_leave_its_number_out() -> None:
    assert list(faults(_Message(("%(n)d day", "%(n)d days"), ("ein Tag", "%(n)d Tage")))) == []


# --- The code -------------------------------------------------------------------------------------
def plurals(folder: Path) -> Iterator[tuple[str, str]]:
    """The two texts of each `ngettext` in the code."""
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("ngettext"):
                one, many = (ast.literal_eval(text) for text in node.args[:2])
                yield one, many


def test_no_two_texts_with_a_plural_have_the_same_singular() -> None:
    """A catalogue finds a text by its singular, so the second plural would be lost."""
    found = defaultdict(set)
    for folder in ("giftcodes", "redeemer"):
        for one, many in plurals(REPOSITORY / folder):
            found[one].add(many)
    assert {one: many for one, many in found.items() if len(many) > 1} == {}


def test_without_gnu_gettext_the_program_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(SystemExit, match="apt-get install gettext"):
        tool().main()
