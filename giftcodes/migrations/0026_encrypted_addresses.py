"""The addresses of channels are encrypted. The key is in the settings (giftcodes.encryption)."""

from collections.abc import Callable
from typing import Any

from django.db import migrations

from giftcodes import encryption

_BATCH = 500


def encrypt(apps: Any, _schema_editor: Any) -> None:
    """Encrypt each address that is not encrypted yet."""
    _rewrite(apps, lambda stored: stored if _is_done(stored) else encryption.encrypt(stored))


def decrypt(apps: Any, _schema_editor: Any) -> None:
    """Store the addresses as text again. One whose key is missing stays, and must be entered."""
    _rewrite(apps, _decrypted)


def _is_done(stored: str) -> bool:
    return not stored or encryption.is_encrypted(stored)


def _decrypted(stored: str) -> str:
    try:
        return encryption.decrypt(stored) if encryption.is_encrypted(stored) else stored
    except encryption.UnreadableError:
        return stored


def _rewrite(apps: Any, change: Callable[[str], str]) -> None:
    rows = apps.get_model("giftcodes", "Channel").objects.order_by("pk")
    last = 0
    while some := list(rows.select_for_update().filter(pk__gt=last)[:_BATCH]):
        for row in some:
            row.address = change(row.address)
        rows.model.objects.bulk_update(some, ["address"])
        last = some[-1].pk


class Migration(migrations.Migration):
    dependencies = [("giftcodes", "0025_words_again")]

    operations = [migrations.RunPython(encrypt, decrypt)]
