"""Fields that clean the texts that people and feeds send.

A text is cleaned when a form takes it, and when it is written or looked up, because Django writes
and looks up what `to_python` returns. giftcodes.domain.text defines what is cleaned.

Names are also cleaned when they are read, because an older version may have stored invisible
characters, which no page, message or export may show. The columns are the same as those of Django's
own fields.
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
        """Remove invisible characters that an earlier version may have stored."""
        return value if value is None else visible(value)

    def formfield(self, **options: Any) -> Any:
        """Use a form field that also cleans, because forms compare names before they are saved."""
        return super().formfield(**{"form_class": CleanCharField, **options})

    def deconstruct(self) -> Any:
        """Use Django's own field in migrations."""
        name, _path, args, options = super().deconstruct()
        return name, f"{_DJANGO}.CharField", args, options


class TokenField(CharField):
    """A player ID or a gift code. Digits of every script are stored as ASCII digits."""

    def to_python(self, value: Any) -> Any:
        """Clean the text."""
        text = super().to_python(value)
        return clean_token(text) if isinstance(text, str) else text

    def formfield(self, **options: Any) -> Any:
        """Use a form field that also cleans, because forms compare values before they are saved."""
        return super().formfield(
            **{"form_class": CleanCharField, "clean_text": clean_token, **options}
        )

    def deconstruct(self) -> Any:
        """Use Django's own field in migrations."""
        name, _path, args, options = super().deconstruct()
        return name, f"{_DJANGO}.CharField", args, options


class SentenceField(TextField):
    """A sentence that this program has written. It may contain names."""

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        """Remove invisible characters that an earlier version may have stored.

        The characters that isolate the names in the sentence stay.
        """
        return value if value is None else sentence(value)

    def deconstruct(self) -> Any:
        """Use Django's own field in migrations."""
        name, _path, args, options = super().deconstruct()
        return name, f"{_DJANGO}.TextField", args, options


class NotesField(TextField):
    """A text that may have several lines."""

    def to_python(self, value: Any) -> Any:
        """Clean the text."""
        text = super().to_python(value)
        return clean_notes(text) if isinstance(text, str) else text

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        """Remove invisible characters that an earlier version may have stored."""
        return value if value is None else visible(value)

    def deconstruct(self) -> Any:
        """Use Django's own field in migrations."""
        name, _path, args, options = super().deconstruct()
        return name, f"{_DJANGO}.TextField", args, options


def provider_choices() -> list[tuple[str, str]]:
    """The games in the settings. This is a function, so that a new game needs no migration."""
    return [(config.name, config.title) for config in settings.PROVIDERS.values()]
