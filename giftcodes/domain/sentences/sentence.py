"""A sentence with its key and values: make it, store it, read it, show it in a language."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from gettext import NullTranslations
from typing import Any, Self

from django.utils.translation import gettext_lazy as _
from django.utils.translation import override
from django.utils.translation.trans_real import catalog

from giftcodes.domain.sentences import (
    actions,
    addresses,
    alarms,
    games,
    journal,
    messages,
    redemptions,
    services,
    sources,
)
from giftcodes.domain.sentences.text import Text
from giftcodes.domain.text import sentence as cleaned

#: The sign with which a stored sentence begins. No sentence of an earlier release begins with it.
MARK = "§"
#: The key of a text that a person or a service wrote, and that begins with `MARK`.
_AS_WRITTEN = "as_written"

#: The words of each key. A key is never renamed or reused, because rows have it.
TEXTS: dict[str, Text] = {
    _AS_WRITTEN: Text("%(text)s"),
    **redemptions.TEXTS,
    **games.TEXTS,
    **journal.TEXTS,
    **alarms.TEXTS,
    **messages.TEXTS,
    **services.TEXTS,
    **actions.TEXTS,
    **addresses.TEXTS,
    **sources.TEXTS,
}
#: What stands for a placeholder without a value. `game_words.spoken` puts in the game's own word.
_DEFAULTS = {"realm": _("realm")}


class Sentence(str):
    """A sentence in the language that was active when it was made or read.

    It has all methods of `str`. They return a plain `str`.

    Attributes:
        stored: the key and the values, in the form in which a column stores them.
    """

    __slots__ = ("stored",)
    stored: str

    def __new__(cls, words: str, stored: str) -> Self:
        made = super().__new__(cls, words)
        made.stored = stored
        return made

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        return str(self), self.stored

    @classmethod
    def of(cls, key: str, /, **values: str | int) -> Sentence:
        """A sentence, in the active language.

        Args:
            key: a key of `TEXTS`.
            values: the values of its placeholders. A `Sentence` among them is kept with its key, so
                it is translated, too. Names that people or a game chose must be cleaned and
                isolated (`giftcodes.domain.text.isolated`).

        Raises:
            KeyError: there is no such key.
        """
        TEXTS[key]
        return _sentence(_stored_as(key, values))  # type: ignore[return-value]

    @classmethod
    def list_of(cls, parts: Sequence[str]) -> Sentence:
        """The parts in one line.

        Args:
            parts: at least one sentence, part of a sentence, or text.
        """
        first, *rest = parts
        if rest:
            return cls.of("list_of", first=first, rest=cls.list_of(rest))
        return first if isinstance(first, cls) else cls.of(_AS_WRITTEN, text=first)

    @property
    def values(self) -> Mapping[str, Any]:
        """The values of its placeholders. A sentence among them is a list of its key and values."""
        return _parsed(self.stored)[1]  # type: ignore[index]

    @property
    def key(self) -> str:
        """The key. It may be one that this release does not know."""
        return _parsed(self.stored)[0]  # type: ignore[index]

    def with_values(self, change: Callable[[str], str]) -> Sentence:
        """The sentence with other values. The sentences among them stay as they are.

        Args:
            change: what is done to each value that is a text, such as to remove secrets.
        """
        changed = {
            name: change(value) if isinstance(value, str) else value
            for name, value in self.values.items()
        }
        return _sentence(_marked(self.key, changed))  # type: ignore[return-value]

    def in_words(self, *, is_over: bool = False, **values: str) -> str:
        """The sentence in the active language, as a plain text.

        Args:
            is_over: leave out what happens next and what a person can do.
            values: other values for some of the placeholders.
        """
        key, own = _parsed(self.stored)  # type: ignore[misc]
        return cleaned(_words(key, own, happened=is_over, instead=values))


def read(text: str) -> str:
    """A stored text as a person reads it: a `Sentence` in the active language, or as it is."""
    return _sentence(text) if text.startswith(MARK) else cleaned(text)


def stored(text: str) -> str:
    """A text in the form in which a column stores it. `read` is the reverse."""
    if isinstance(text, Sentence):
        return text.stored
    if text.startswith(MARK):
        return _stored_as(_AS_WRITTEN, {"text": text})
    return text


def in_active_language(text: str) -> str:
    """Translate a text that was read in another language, for example into a guild's language."""
    return read(text.stored) if isinstance(text, Sentence) else text


def english(text: str) -> str:
    """A text in English, for the log and for programs."""
    if not isinstance(text, Sentence):
        return text
    with override(None):
        return str(read(text.stored))


def stored_key(key: str) -> str:
    """The characters by which a search finds the stored sentences with this key.

    It also finds those that contain such a sentence as a value.
    """
    return f'["{key}"'


def keys_that_say(words: str) -> list[str]:
    """The keys whose sentences have these words, in the active language or in English.

    A column has only keys and values, so a search for words looks for these keys, too.
    """
    found = _saying(words.casefold())
    with override(None):
        found |= _saying(words.casefold())
    return sorted(found)


def _saying(words: str) -> set[str]:
    return {key for key, text in TEXTS.items() if words in str(text.words % _AnyValue()).casefold()}


class _AnyValue(dict[str, Any]):
    """Gives each placeholder the same value, so that a sentence can be searched for its words."""

    def __missing__(self, name: str) -> int:
        return 2


def _stored_as(key: str, values: Mapping[str, Any]) -> str:
    plain = {name: _plain(value) for name, value in values.items()}
    return _marked(key, plain)


def _marked(key: str, values: Mapping[str, Any]) -> str:
    parts = [key, values] if values else [key]
    return MARK + json.dumps(parts, ensure_ascii=False, separators=(",", ":"))


def _plain(value: str | int) -> Any:
    """A value for JSON: a number, a text, or the list of another sentence."""
    if isinstance(value, Sentence):
        return json.loads(value.stored.removeprefix(MARK))
    return value if isinstance(value, int) else str(value)


def _sentence(text: str) -> str:
    """A stored sentence in the active language. Another text with the mark is shown as it is."""
    found = catalog()
    # For English, `override(None)` makes a new catalogue each time, which the cache would not know.
    return _in_language(text, None if type(found) is NullTranslations else found)


@lru_cache(maxsize=512)
def _in_language(text: str, _catalogue: object) -> str:
    """The sentence. It is cached, because lists show the same few sentences again and again.

    Args:
        text: the stored text.
        _catalogue: the translations of the active language. None for English, which has none.
    """
    parsed = _parsed(text)
    return cleaned(text) if parsed is None else Sentence(cleaned(_words(*parsed)), text)


def _parsed(text: str) -> tuple[str, dict[str, Any]] | None:
    """The key and the values of a stored sentence. None if the text is something else."""
    try:
        parts = json.loads(text.removeprefix(MARK))
    except ValueError:
        return None
    return _key_and_values(parts)


def _key_and_values(parts: Any) -> tuple[str, dict[str, Any]] | None:
    if not isinstance(parts, list) or not 1 <= len(parts) <= 2 or not isinstance(parts[0], str):
        return None
    values = parts[1] if len(parts) == 2 else {}
    return (parts[0], values) if isinstance(values, dict) else None


def _words(
    key: str,
    values: Mapping[str, Any],
    *,
    happened: bool = False,
    instead: Mapping[str, str] | None = None,
) -> str:
    """The sentence in the active language.

    A row of a later release may have an unknown key or other values, and a translation may have a
    wrong placeholder. Then the key and the values are shown.
    """
    shown = {
        name: _shown(value, happened=happened, instead=instead) for name, value in values.items()
    }
    try:
        text = TEXTS[key]
        words = (text.happened if happened else None) or text.words
        return str(words % {**_DEFAULTS, **shown, **(instead or {})})
    except (KeyError, TypeError, ValueError):
        said = ", ".join(f"{name}: {value}" for name, value in shown.items())
        return f"{key} ({said})" if said else key


def _shown(value: Any, *, happened: bool, instead: Mapping[str, str] | None) -> Any:
    inner = _key_and_values(value) if isinstance(value, list) else None
    return _words(*inner, happened=happened, instead=instead) if inner else value
