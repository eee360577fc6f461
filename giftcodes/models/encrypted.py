"""A field for a secret. The table holds it encrypted, so that no statement can compare it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

from giftcodes import encryption

if TYPE_CHECKING:
    TextField = models.TextField[str, str]
else:
    TextField = models.TextField


class Unreadable(str):
    """A secret whose key is missing. It is an empty text.

    If it is saved, the table keeps the encrypted value, so that the secret can be read again once
    the key is back.
    """

    __slots__ = ("stored",)

    stored: str

    def __new__(cls, stored: str) -> Unreadable:
        """Make an empty text that carries the encrypted value from the table."""
        text = super().__new__(cls)
        text.stored = stored
        return text


class EncryptedTextField(TextField):
    """A secret text. Without its key, the value is `Unreadable`.

    Encrypting the same text twice gives different results, so rows cannot be filtered by it. The
    column is the same as that of Django's TextField.
    """

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        """Decrypt the value. A value that an earlier version wrote is not encrypted."""
        if not value or not encryption.is_encrypted(value):
            return value
        try:
            return encryption.decrypt(value)
        except encryption.UnreadableError:
            return Unreadable(value)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """Encrypt the value.

        Raises:
            ImproperlyConfigured: no key is set.
        """
        if isinstance(value, Unreadable):
            value = value.stored
        elif isinstance(value, str) and value:
            value = encryption.encrypt(value)
        return super().get_db_prep_save(value, connection)

    def get_lookup(self, lookup_name: str) -> Any:
        """Allow only `isnull`. For any other lookup, None makes Django raise a FieldError."""
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None

    def get_transform(self, lookup_name: str) -> Any:  # noqa: ARG002
        """Allow no transform, because no part of the value can be compared."""
        return None

    def deconstruct(self) -> Any:
        """Use Django's own field in migrations, so that they see what the table holds."""
        name, _path, args, options = super().deconstruct()
        return name, "django.db.models.TextField", args, options
