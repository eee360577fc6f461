"""Fields for texts that people and feeds send, which clean them.

They are cleaned when a form takes them, and when they are written or looked up.

Django writes and looks up what `to_python` returns; giftcodes.domain.text says what is cleaned.
Names are also cleaned when they are read, because an older version may have stored invisible
characters, which no page, message or export may show. The columns are those of Django's own fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models

from giftcodes.domain.text import clean_name, clean_notes, clean_token, sentence, visible
from giftcodes.form_fields import CleanCharField

if TYPE_CHECKING:
    CharField = models.CharField[str, str]
    TextField = models.TextField[str, str]
else:
    CharField, TextField = models.CharField, models.TextField

_DJANGO = "django.db.models"


class NameField(CharField):
    """A name on one line."""

    def to_python(self, value: Any) -> Any:
        """Clean the text."""
        text = super().to_python(value)
        return clean_name(text) if isinstance(text, str) else text

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        """Remove the invisible characters of earlier versions."""
        return value if value is None else visible(value)

    def formfield(self, **options: Any) -> Any:
        """Use a form field that cleans too, because forms compare names before they are written."""
        return super().formfield(**{"form_class": CleanCharField, **options})

    def deconstruct(self) -> Any:
        """Migrations contain Django's own field instead."""
        name, _path, args, options = super().deconstruct()
        return name, f"{_DJANGO}.CharField", args, options


class TokenField(CharField):
    """A player ID or a gift code: digits of every script are stored as ASCII."""

    def to_python(self, value: Any) -> Any:
        """Clean the text."""
        text = super().to_python(value)
        return clean_token(text) if isinstance(text, str) else text

    def formfield(self, **options: Any) -> Any:
        """As above."""
        return super().formfield(
            **{"form_class": CleanCharField, "clean_text": clean_token, **options}
        )

    def deconstruct(self) -> Any:
        """As above."""
        name, _path, args, options = super().deconstruct()
        return name, f"{_DJANGO}.CharField", args, options


class SentenceField(TextField):
    """A sentence of this program that may contain names."""

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        """Remove the invisible characters of earlier versions, but keep names isolated."""
        return value if value is None else sentence(value)

    def deconstruct(self) -> Any:
        """As above."""
        name, _path, args, options = super().deconstruct()
        return name, f"{_DJANGO}.TextField", args, options


class NotesField(TextField):
    """A text of several lines."""

    def to_python(self, value: Any) -> Any:
        """Clean the text."""
        text = super().to_python(value)
        return clean_notes(text) if isinstance(text, str) else text

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        """As above."""
        return value if value is None else visible(value)

    def deconstruct(self) -> Any:
        """As above."""
        name, _path, args, options = super().deconstruct()
        return name, f"{_DJANGO}.TextField", args, options


def provider_choices() -> list[tuple[str, str]]:
    """The games, from the settings. A callable, so that a new game needs no migration."""
    return [(config.name, config.title) for config in settings.PROVIDERS.values()]
