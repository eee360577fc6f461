"""In which language the bot answers, and the commands' names and texts in other languages.

An answer that only the asker sees is in the language of the asker's Discord, if the site has it
(`LANGUAGES`). Messages to channels and members are in the language of the guild, all others in that
of the site (decision 31).

Discord gets the definition of each command in all languages at once. `Catalogues` looks up the
translations. A translation that Discord would refuse is left out with a line in the log, since one
bad text would make Discord refuse all commands. The name without a translation always works, too.
"""

from __future__ import annotations

import gettext as gettext_module
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import discord
from discord import app_commands
from discord.app_commands import TranslationContextLocation as Location
from discord.app_commands.commands import validate_context_menu_name, validate_name
from django.conf import settings
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy, to_locale

from giftcodes.domain import log_lines

#: The most characters of a description, and of the words of a choice.
_MOST_TEXT = 100
#: The context of names in the catalogues. `makemessages` finds only contexts that are literal.
NAME = "Discord name"
#: Names of commands and options, so that `makemessages` finds them. The definitions have the names
#: without a translation, because Discord sends these back.
# Translators: names of commands and options: lower case, no spaces, at most 32 characters.
NAMES = (
    pgettext_lazy("Discord name", "add"),
    pgettext_lazy("Discord name", "announce"),
    pgettext_lazy("Discord name", "code"),
    pgettext_lazy("Discord name", "codes"),
    pgettext_lazy("Discord name", "expires"),
    pgettext_lazy("Discord name", "file"),
    pgettext_lazy("Discord name", "guild"),
    pgettext_lazy("Discord name", "here"),
    pgettext_lazy("Discord name", "iam"),
    pgettext_lazy("Discord name", "import"),
    pgettext_lazy("Discord name", "join"),
    pgettext_lazy("Discord name", "leave"),
    pgettext_lazy("Discord name", "link"),
    pgettext_lazy("Discord name", "members"),
    pgettext_lazy("Discord name", "missing"),
    pgettext_lazy("Discord name", "mydata"),
    pgettext_lazy("Discord name", "name"),
    pgettext_lazy("Discord name", "nobody"),
    pgettext_lazy("Discord name", "off"),
    pgettext_lazy("Discord name", "officers"),
    pgettext_lazy("Discord name", "player"),
    pgettext_lazy("Discord name", "player_id"),
    pgettext_lazy("Discord name", "redeem"),
    pgettext_lazy("Discord name", "rewards"),
    pgettext_lazy("Discord name", "role"),
    pgettext_lazy("Discord name", "search"),
    pgettext_lazy("Discord name", "state"),
    pgettext_lazy("Discord name", "status"),
    pgettext_lazy("Discord name", "stop"),
    pgettext_lazy("Discord name", "weekly"),
    pgettext_lazy("Discord name", "threads"),
    pgettext_lazy("Discord name", "what"),
)


def message_id(text: str | Promise) -> str:
    """A text without a translation, as the catalogues have it."""
    with translation.override(None):
        return str(text)


def language_of(locale: discord.Locale) -> str | None:
    """The language of the site for a language of Discord. None if the site does not have it."""
    try:
        return translation.get_supported_language_variant(_CODES.get(locale, locale.value).lower())
    except LookupError:
        return None


#: Discord's languages that have another name in Django.
_CODES = {discord.Locale.norwegian: "nb"}


def speak_to(interaction: discord.Interaction) -> None:
    """Speak the asker's language from now on in this task, and in the threads that it starts.

    discord.py makes a task for each interaction.
    """
    translation.activate(language_of(interaction.locale) or settings.LANGUAGE_CODE)


def catalogue_of(language: str) -> gettext_module.NullTranslations:
    """The catalogue of a language, without those of Django, read from its file.

    `gettext` would keep each catalogue that it has read in memory, until the process ends.
    """
    (folder,) = settings.LOCALE_PATHS
    file = Path(folder, to_locale(language), "LC_MESSAGES", "django.mo")
    if not file.exists():
        return gettext_module.NullTranslations()
    with file.open("rb") as opened:
        return gettext_module.GNUTranslations(opened)


class Catalogues(app_commands.Translator):
    """Translates the definitions of commands.

    Of each catalogue only the texts of commands are kept, because all languages are needed at once.
    """

    def __init__(self, texts: Iterable[tuple[str, bool]]) -> None:
        """Take each text of the commands, and whether it is a name."""
        self._texts = frozenset(texts)
        self._found: dict[str, dict[tuple[str, bool], str]] = {}

    @classmethod
    async def of(cls, tree: app_commands.CommandTree[Any]) -> Catalogues:
        """The translations of the commands of a bot."""
        texts = _Texts()
        for command in tree.get_commands():
            await command.get_translated_payload(tree, texts)
        return cls(texts.found)

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        """The translation. None if there is none that Discord takes."""
        language = language_of(locale)
        if language is None:
            return None
        known = self._in(language)
        found = known[string.message, _is_name(context)]
        if found == string.message:
            return None
        if why := _refusal(found, known, context):
            log_lines.warning(
                "🤖 A translation of a command is left out, because Discord would refuse it.",
                text=string.message,
                language=language,
                translation=found[:200],
                reason=why,
            )
            return None
        return found

    def _in(self, language: str) -> dict[tuple[str, bool], str]:
        """The texts of the commands in a language."""
        if language not in self._found:
            catalogue = catalogue_of(language)
            self._found[language] = {
                (text, is_name): catalogue.pgettext(NAME, text)
                if is_name
                else catalogue.gettext(text)
                for text, is_name in self._texts
            }
        return self._found[language]


class _Texts(app_commands.Translator):
    """Notes the texts of commands, and translates none."""

    def __init__(self) -> None:
        self.found: set[tuple[str, bool]] = set()

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,  # noqa: ARG002
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        self.found.add((string.message, _is_name(context)))
        return None


def _is_name(context: app_commands.TranslationContextTypes) -> bool:
    """Whether the text is a name that people type."""
    if isinstance(context.data, app_commands.ContextMenu):
        return False
    return context.location in (Location.command_name, Location.group_name, Location.parameter_name)


def _refusal(
    found: str,
    known: dict[tuple[str, bool], str],
    context: app_commands.TranslationContextTypes,
) -> str | None:
    """Why Discord would refuse a translation. None if it takes it.

    Args:
        found: the translation.
        known: the texts of the commands in the same language.
        context: what the text is.
    """
    try:
        if isinstance(context.data, app_commands.ContextMenu):
            validate_context_menu_name(found)
        elif _is_name(context):
            validate_name(found)
    except ValueError as error:
        return str(error)
    if not 1 <= len(found) <= _MOST_TEXT:
        return f"it must have 1 to {_MOST_TEXT} characters"
    if isinstance(context.data, app_commands.Parameter) and _is_name(context):
        others = [one.display_name for one in context.data.command.parameters]
        others.remove(context.data.display_name)
        if found in {known[one, True] for one in others}:
            return "another option of the command has the same name"
    return None
