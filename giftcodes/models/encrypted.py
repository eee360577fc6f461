"""A field for a secret. The table holds the encrypted text, so no statement can compare secrets."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Left

from giftcodes import encryption
from giftcodes.secret_key import secret_key

if TYPE_CHECKING:
    TextField = models.TextField[str, str]
else:
    TextField = models.TextField


class Unreadable(str):
    """A secret whose key is missing. It is an empty text.

    If it is saved, the table keeps the encrypted value, so that the secret can be read again when
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
        """Decrypt the value. A value that an earlier release wrote is not encrypted."""
        if not value or not encryption.is_encrypted(value):
            return value
        try:
            return encryption.decrypt(value)
        except encryption.UnreadableError:
            return Unreadable(value)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """Encrypt the value. A value from a dump is encrypted already, and is not changed.

        Raises:
            ImproperlyConfigured: no key is set.
        """
        if isinstance(value, Unreadable):
            value = value.stored
        elif isinstance(value, str) and value and not encryption.is_encrypted(value):
            value = encryption.encrypt(value)
        return super().get_db_prep_save(value, connection)

    def value_to_string(self, obj: models.Model) -> str:
        """The encrypted value, for Django's `dumpdata`: a dump must not contain the secret."""
        return self.get_db_prep_save(self.value_from_object(obj), None) or ""

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


def keyed_hash(purpose: str, text: str) -> str:
    """A hash that tells secrets apart without revealing them. Only our key can produce it.

    Args:
        purpose: hashes for different purposes cannot be compared.
        text: the secret.
    """
    key = f"{purpose}:{secret_key()}".encode()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:16]


def encrypt_again(rows: models.QuerySet[Any], name: str) -> int:
    """Encrypt a field of each row with the first key in the settings, unless that key encrypted it.

    Values that cannot be read stay as they are.

    Args:
        rows: rows of a model that has an `EncryptedTextField`.
        name: the name of the field.

    Returns:
        The number of values that were encrypted again.
    """
    is_older = ~Q(key__in=encryption.prefixes()[:1])
    # Without a secret, the field is empty, and there is nothing to encrypt.
    older = rows.annotate(key=Left(name, encryption.PREFIX_LENGTH)).filter(is_older, ~Q(key=""))
    pks = list(older.order_by("pk").values_list("pk", flat=True))
    return sum(_encrypt_again(rows.model, pk, name) for pk in pks)


@transaction.atomic
def _encrypt_again(model: type[models.Model], pk: int, name: str) -> bool:
    row = model._default_manager.select_for_update().filter(pk=pk).first()
    if row is None or isinstance(getattr(row, name), Unreadable):
        return False
    row.save(update_fields=[name])
    return True
