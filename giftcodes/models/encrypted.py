"""A field for a secret: the table holds it encrypted, and no statement can compare it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

from giftcodes import encryption

if TYPE_CHECKING:
    TextField = models.TextField[str, str]
else:
    TextField = models.TextField


class Unreadable(str):
    """What a secret is without its key: an empty text. If it is saved, the table keeps its value.

    So the secret is there again when the key is.
    """

    __slots__ = ("stored",)

    stored: str

    def __new__(cls, stored: str) -> Unreadable:
        """Keep what the table holds."""
        text = super().__new__(cls)
        text.stored = stored
        return text


class EncryptedTextField(TextField):
    """A secret. Its value is the text; without the key it is `Unreadable`.

    Each encryption of the same text differs, so that lists cannot be filtered by it. The column is
    that of Django's TextField.
    """

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        """Decrypt. A row that an earlier version wrote holds the text itself."""
        if not value or not encryption.is_encrypted(value):
            return value
        try:
            return encryption.decrypt(value)
        except encryption.UnreadableError:
            return Unreadable(value)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """Encrypt.

        Raises:
            ImproperlyConfigured: no key is set.
        """
        if isinstance(value, Unreadable):
            value = value.stored
        elif isinstance(value, str) and value:
            value = encryption.encrypt(value)
        return super().get_db_prep_save(value, connection)

    def get_lookup(self, lookup_name: str) -> Any:
        """None, for which Django raises a FieldError, except for `isnull`."""
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None

    def get_transform(self, lookup_name: str) -> Any:  # noqa: ARG002
        """None: no part of it can be compared."""
        return None

    def deconstruct(self) -> Any:
        """In migrations it is Django's own field: they see what the table holds."""
        name, _path, args, options = super().deconstruct()
        return name, "django.db.models.TextField", args, options
