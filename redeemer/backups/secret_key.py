"""Tell whether two installations have the same SECRET_KEY, without telling the key (decision 9)."""

from __future__ import annotations

import hashlib
import hmac
import os

from django.core.management.base import CommandError

from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.home import Home
from redeemer.localserver.secret_store import SecretStore

_LENGTH = 32


def own_key(home: Home) -> str | None:
    """The key that the site has here: the environment's, else the one that `make up` made. None: there is none yet.

    Raises:
        CommandError: the file it is kept in cannot be read.
    """
    if given := os.environ.get("SECRET_KEY"):
        return given
    try:
        return SecretStore(home.secrets).get("secret_key")
    except CannotStartError as error:
        raise CommandError(str(error)) from error


def check_value(key: str) -> str:
    """What a dump says about the key: enough to recognise it, too little to find it."""
    return hmac.new(f"backup:{key}".encode(), b"check value", hashlib.sha256).hexdigest()[:_LENGTH]
