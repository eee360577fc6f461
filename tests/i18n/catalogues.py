"""The catalogues of the site, as tests read them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.pofile import read_po

from redeemer.localserver.home import REPOSITORY

FOLDER = REPOSITORY / "giftcodes" / "locale"


def po_file(locale: str) -> Path:
    return FOLDER / locale / "LC_MESSAGES" / "django.po"


def messages(locale: str) -> list[Any]:
    """The texts of a catalogue, each with its translation. The header is left out."""
    return messages_of(po_file(locale))


def messages_of(file: Path) -> list[Any]:
    text = file.read_text(encoding="utf-8")
    # What GNU gettext writes into a template.
    text = text.replace("nplurals=INTEGER; plural=EXPRESSION;", "nplurals=2; plural=(n != 1);")
    return [one for one in read_po(io.StringIO(text)) if one.id]


def key(message: Any) -> tuple[str | None, tuple[str, ...]]:
    """What identifies a text: its context, and the text with its plural."""
    return message.context, as_tuple(message.id)


def as_tuple(text: Any) -> tuple[str, ...]:
    return text if isinstance(text, tuple) else (text,)


def pairs(message: Any) -> Iterator[tuple[str, str, bool]]:
    """Each form of a translation with its English text, and whether it may leave a number out."""
    forms, english = as_tuple(message.string), as_tuple(message.id)
    for place, form in enumerate(forms):
        yield english[-1], form, len(english) > 1 and place < len(forms) - 1


#: The languages that are translated, as folders are named: `pt_BR`. A new catalogue is empty, and
#: its texts are in English, until its first text is translated.
LOCALES = sorted(
    file.parent.parent.name
    for file in FOLDER.glob("*/LC_MESSAGES/django.po")
    if any(any(as_tuple(one.string)) for one in messages_of(file))
)
