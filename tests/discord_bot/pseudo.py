"""The pseudo-language (tests/i18n/pseudo.py), and people in Discord who speak it."""

from __future__ import annotations

import gettext
from collections.abc import Callable
from typing import Any

import discord
import pytest
import simcord.interactions

from giftcodes.discord_bot import translating
from tests.i18n import pseudo
from tests.i18n.pseudo import LANGUAGE, Pseudo, untranslated

__all__ = ["LANGUAGE", "LOCALE", "Pseudo", "install", "speak", "untranslated"]

LOCALE = discord.Locale.norwegian


def install(
    settings: Any, monkeypatch: pytest.MonkeyPatch, catalogue: gettext.NullTranslations
) -> None:
    """Let the site and the bot's commands have this language."""
    pseudo.install(settings, monkeypatch, catalogue)
    catalogues = {"en": gettext.NullTranslations(), LANGUAGE: catalogue}
    monkeypatch.setattr(translating, "catalogue_of", catalogues.__getitem__)


def speak(monkeypatch: pytest.MonkeyPatch, locale_of: Callable[[int], discord.Locale]) -> None:
    """Give Discord users a language, by their numbers. simcord gives all of them American."""
    usual = simcord.interactions.base_payload

    def with_locale(*given: Any, **named: Any) -> Any:
        record, payload = usual(*given, **named)
        user = payload["member"]["user"] if "member" in payload else payload["user"]
        return record, payload | {"locale": locale_of(int(user["id"])).value}

    monkeypatch.setattr(simcord.interactions, "base_payload", with_locale)
