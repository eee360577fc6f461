"""A language that translates every text, so that tests see which texts are not translated.

A text gets brackets around it. If a test asks for that, it is also 40 % longer, as in languages
with long words. The name of a command or option of the bot gets an `x` before it, because Discord
takes no brackets there.
"""

from __future__ import annotations

import gettext
import re
from typing import Any

import pytest
from django.utils.translation import trans_real

#: Django knows it, and the site has no catalogue of it.
LANGUAGE = "nb"
_NAME = "Discord name"
_LONGER, _WORD = 0.4, 9


class Pseudo(gettext.NullTranslations):
    """A catalogue that has every text."""

    #: Whether texts are longer than in English.
    is_longer = False

    def gettext(self, message: str) -> str:
        context, _mark, text = message.rpartition("\x04")
        if context.startswith(_NAME):
            return f"x{text}"
        return f"⟦{text}{self._more(text) if self.is_longer and text.strip() else ''}⟧"

    def _more(self, text: str) -> str:
        """Words that make a text longer."""
        words, rest = divmod(round(_LONGER * len(text)), _WORD)
        return "".join(f" {'~' * (length - 1)}" for length in [_WORD] * words + [rest] if length)

    def pgettext(self, context: str, message: str) -> str:
        return self.gettext(f"{context}\x04{message}")

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)

    def to_language(self) -> str:
        return LANGUAGE


class Longer(Pseudo):
    """A catalogue whose texts are 40 % longer than in English."""

    is_longer = True


def install(
    settings: Any, monkeypatch: pytest.MonkeyPatch, catalogue: gettext.NullTranslations
) -> None:
    """Let the site have English and this language."""
    settings.LANGUAGES = [("en", "English"), (LANGUAGE, "Pseudo")]
    monkeypatch.setitem(trans_real._translations, LANGUAGE, catalogue)  # type: ignore[attr-defined]


def untranslated(text: str, *known: str) -> str:
    """The words of a text that are not in brackets, and not among these names."""
    before = ""
    while before != text:
        before, text = text, re.sub(r"⟦[^⟦⟧]*⟧", " ", text)
    for name in known:
        text = text.replace(name, " ")
    return " ".join(re.findall(r"[^\W\d_]{2,}", re.sub(r"<t:\d+:R>", " ", text)))
