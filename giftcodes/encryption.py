"""Encryption of the secrets that tables hold: a dump or a copy of the database shows none of them.

The keys are in the settings, never in the database: first those in ENCRYPTION_KEYS, then
SECRET_KEY and OLD_SECRET_KEY. The first key encrypts new secrets. Each key decrypts the secrets
that it encrypted.

A stored secret is `enc1:<name of the key>:<Fernet token>`. Fernet encrypts with AES-128 in CBC mode
and authenticates with HMAC-SHA256: https://github.com/fernet/spec. The name of a key is derived
from the key. With these names, a query selects the rows that can be read.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from giftcodes import secret_key

_MARK = "enc1:"
_NAME_BYTES = 4
_KEY_BYTES = 32
#: The length of the prefix of a stored secret, which names the key.
PREFIX_LENGTH = len(_MARK) + 2 * _NAME_BYTES + 1

_NO_KEY = "The secret's key is not in the settings: SECRET_KEY or ENCRYPTION_KEYS have changed."


class UnreadableError(ValueError):
    """No key in the settings decrypts the stored text. The message contains no secret."""


@dataclass(frozen=True, slots=True)
class _Key:
    """A key that was derived from a text in the settings.

    Args:
        prefix: the beginning of every secret that this key encrypted.
        fernet: encrypts and decrypts with this key.
    """

    prefix: str
    fernet: Fernet


def encrypt(text: str) -> str:
    """Encrypt a text with the first key.

    Raises:
        ImproperlyConfigured: no key is set. The message says what to do.
    """
    keys = _keys()
    if not keys:
        raise ImproperlyConfigured(secret_key.NOT_SET)
    return keys[0].prefix + keys[0].fernet.encrypt(text.encode()).decode()


def decrypt(stored: str) -> str:
    """The text of a stored secret.

    Raises:
        UnreadableError: no key in the settings decrypts it.
    """
    for key in _keys():
        if stored.startswith(key.prefix):
            try:
                return key.fernet.decrypt(stored[len(key.prefix) :]).decode()
            except InvalidToken as error:
                raise UnreadableError(_NO_KEY) from error
    raise UnreadableError(_NO_KEY)


def is_encrypted(stored: str) -> bool:
    """Whether a stored text is encrypted. Earlier releases stored the plain text."""
    return stored.startswith(_MARK)


def prefixes() -> list[str]:
    """The prefixes of the stored secrets that can be read now. New secrets get the first one."""
    return [key.prefix for key in _keys()]


def prefix_of(text: str) -> str:
    """The prefix of the secrets that the key made from this text of the settings encrypts."""
    return _derived(text).prefix


def prefix_in(stored: str) -> str:
    """The prefix of a stored text, which names its key. Empty if the text is not encrypted."""
    return stored[:PREFIX_LENGTH] if is_encrypted(stored) else ""


def _keys() -> tuple[_Key, ...]:
    texts = [text for text in settings.ENCRYPTION_KEYS if text]
    if secret_key.is_set():
        texts += [text for text in (secret_key.secret_key(), settings.OLD_SECRET_KEY) if text]
    return tuple(_derived(text) for text in texts)


@lru_cache(maxsize=32)
def _derived(text: str) -> _Key:
    """Derive a key from a text in the settings.

    The purpose in each call of `_hkdf` makes the key and its name differ from whatever else is
    derived from the same text.
    """
    name = _hkdf(text, b"redeemer: name of the encryption key", _NAME_BYTES).hex()
    secret = _hkdf(text, b"redeemer: secrets in tables", _KEY_BYTES)
    return _Key(f"{_MARK}{name}:", Fernet(urlsafe_b64encode(secret)))


def _hkdf(text: str, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(text.encode())
