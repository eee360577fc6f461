"""Fields that clean the texts that people and feeds send.

A text is cleaned when a form takes it, and when it is written or looked up, because Django writes
and looks up what `to_python` returns. giftcodes.domain.text defines what is cleaned.

Names and notes are also cleaned when they are read, because an earlier release may have stored
invisible characters, which no page, message or export may show. The columns are the same as those
of Django's own fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Length
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from giftcodes.domain.numbers import grouped
from giftcodes.domain.sentences import read, stored
from giftcodes.domain.text import clean_name, clean_notes, clean_token, visible
from giftcodes.form_fields import CleanCharField

if TYPE_CHECKING:
    CharField = models.CharField[str, str]
    TextField = models.TextField[str, str]
    LinesField = models.TextField[Sequence[str], list[str]]
else:
    CharField, TextField, LinesField = models.CharField, models.TextField, models.TextField

_DJANGO = "django.db.models"
#: The maximum length of notes, in characters. A line break counts as one character.
MOST_NOTES = 10_000
#: How many foreign keys away from a row `without_notes` looks for notes.
_FURTHEST = 3


class NameField(CharField):
    """A name on one line."""

    def to_python(self, value: Any) -> Any:
        """Clean the text."""
        text = super().to_python(value)
        return clean_name(text) if isinstance(text, str) else text

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        """Remove invisible characters that an earlier release may have stored."""
        return value if value is None else visible(value)

    def formfield(self, **options: Any) -> Any:
        """Use a form field that also cleans, so that forms compare cleaned names."""
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
        """Use a form field that also cleans, so that forms compare cleaned values."""
        return super().formfield(
            **{"form_class": CleanCharField, "clean_text": clean_token, **options}
        )

    def deconstruct(self) -> Any:
        """Use Django's own field in migrations."""
        name, _path, args, options = super().deconstruct()
        return name, f"{_DJANGO}.CharField", args, options


class SentenceField(TextField):
    """A sentence that this program has written, stored as a key with values. It may contain names.

    Its value is the sentence in the language that is active when it is read.
    """

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        """Return the sentence. A text of an earlier release is not translated.

        Invisible characters are removed, except those that isolate right-to-left names
        (`domain.text.isolated`).
        """
        return value if value is None else read(value)

    def get_prep_value(self, value: Any) -> Any:
        """Write the key and the values of a sentence."""
        text = super().get_prep_value(value)
        return stored(text) if isinstance(text, str) else text

    def deconstruct(self) -> Any:
        """Use Django's own field in migrations."""
        name, _path, args, options = super().deconstruct()
        return name, f"{_DJANGO}.TextField", args, options


class SentencesField(LinesField):
    """Sentences that this program has written, stored as lines. The value is a list of them.

    Each is in the language that is active when it is read, as in a `SentenceField`.
    """

    def from_db_value(self, value: str | None, *_: Any) -> list[str] | None:
        """Return the sentences. A line of an earlier release is not translated."""
        return value if value is None else [read(line) for line in value.split("\n") if line]

    def get_prep_value(self, value: Any) -> Any:
        """Write the key and the values of each sentence."""
        lines = [stored(line) for line in value] if isinstance(value, list) else value
        return super().get_prep_value("\n".join(lines) if isinstance(lines, list) else lines)

    def deconstruct(self) -> Any:
        """Use Django's own field in migrations."""
        name, _path, args, options = super().deconstruct()
        return name, f"{_DJANGO}.TextField", args, options


class NotesField(TextField):
    """A text that may have several lines, of at most `MOST_NOTES` characters.

    A longer text that an earlier release has stored stays until a person makes it shorter.
    """

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        """Clean the text of a form, unless it is too long.

        Raises:
            ValidationError: the text is longer than `MOST_NOTES`, and longer than the stored text.
        """
        if isinstance(value, str):
            length = len(value.replace("\r\n", "\n"))
            if length > MOST_NOTES and length > self._stored_length(model_instance):
                words = _("This text has %(length)s characters. Shorten it to at most %(most)s.")
                numbers = {"length": grouped(length), "most": grouped(MOST_NOTES)}
                raise ValidationError(words, code="max_length", params=numbers)
        return super().clean(value, model_instance)

    def _stored_length(self, row: models.Model | None) -> int:
        if row is None or row.pk is None:
            return 0
        stored = type(row)._base_manager.filter(pk=row.pk)
        return stored.values_list(Length(self.attname), flat=True).first() or 0

    def to_python(self, value: Any) -> Any:
        """Clean the text."""
        text = super().to_python(value)
        return clean_notes(text) if isinstance(text, str) else text

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        """Remove invisible characters that an earlier release may have stored."""
        return value if value is None else visible(value)

    def deconstruct(self) -> Any:
        """Use Django's own field in migrations."""
        name, _path, args, options = super().deconstruct()
        return name, f"{_DJANGO}.TextField", args, options


def without_notes(rows: models.QuerySet[Any]) -> models.QuerySet[Any]:
    """The same rows, without the notes of the rows and of the rows that they refer to.

    Lists use this, because they show no notes, and a list has many rows. If code uses the notes
    nevertheless, they are read from the database, one row at a time.
    """
    return rows.defer(*_paths_of_notes(rows.model, _FURTHEST))


def _paths_of_notes(model: type[models.Model], furthest: int) -> list[str]:
    paths: list[str] = []
    for field in model._meta.concrete_fields:
        if isinstance(field, NotesField):
            paths.append(field.name)
        elif isinstance(field, models.ForeignKey) and furthest:
            found = _paths_of_notes(field.related_model, furthest - 1)
            paths += [f"{field.name}__{path}" for path in found]
    return paths


def provider_choices() -> list[tuple[str, str]]:
    """The games in the settings. This is a function, so that a new game needs no migration."""
    return [(config.name, config.title) for config in settings.PROVIDERS.values()]


def language_choices() -> list[tuple[str, Any]]:
    """The languages of the site, each in its own words. A new language needs no migration."""
    own = [(code, get_language_info(code)["name_local"]) for code, _name in settings.LANGUAGES]
    return [("", _("The language of the site")), *own]
