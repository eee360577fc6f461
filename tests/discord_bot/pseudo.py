"""A language that translates every text, so that tests see which texts are not translated.

A text gets brackets around it. The name of a command or option gets an `x` before it, because
Discord takes no brackets there.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Callable
from typing import Any

import discord
import pytest
import simcord.interactions
from django.utils.translation import trans_real

#: Django knows it, and the site has no catalogue of it.
LANGUAGE = "nb"
LOCALE = discord.Locale.norwegian


class Pseudo(gettext.NullTranslations):
    """A catalogue that has every text."""

    def gettext(self, message: str) -> str:
        _context, has_context, text = message.rpartition("\x04")
        return f"x{text}" if has_context else f"⟦{text}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)

    def to_language(self) -> str:
        return LANGUAGE


def install(
    settings: Any, monkeypatch: pytest.MonkeyPatch, catalogue: gettext.NullTranslations
) -> None:
    """Let the site have one more language."""
    settings.LANGUAGES = [*settings.LANGUAGES, (LANGUAGE, "Pseudo")]
    monkeypatch.setitem(trans_real._translations, LANGUAGE, catalogue)  # type: ignore[attr-defined]


def speak(monkeypatch: pytest.MonkeyPatch, locale_of: Callable[[int], discord.Locale]) -> None:
    """Give Discord users a language, by their numbers. simcord gives all of them American."""
    usual = simcord.interactions.base_payload

    def with_locale(*given: Any, **named: Any) -> Any:
        record, payload = usual(*given, **named)
        user = payload["member"]["user"] if "member" in payload else payload["user"]
        return record, payload | {"locale": locale_of(int(user["id"])).value}

    monkeypatch.setattr(simcord.interactions, "base_payload", with_locale)


def untranslated(text: str, *known: str) -> str:
    """The words of a text that are not in brackets, and not among these names."""
    before = ""
    while before != text:
        before, text = text, re.sub(r"⟦[^⟦⟧]*⟧", " ", text)
    for name in known:
        text = text.replace(name, " ")
    return " ".join(re.findall(r"[^\W\d_]{2,}", re.sub(r"<t:\d+:R>", " ", text)))
