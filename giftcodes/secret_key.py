"""The SECRET_KEY of the installation. It has no default: a published key protects nothing."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

NOT_SET = (
    "SECRET_KEY is not set. Put a long random one into .env, the same for all processes of the "
    "site, and keep it; `make up` makes its own."
)


def is_set() -> bool:
    """Whether SECRET_KEY is set.

    Raises:
        ImproperlyConfigured: the settings cannot be read.
    """
    _ = settings.INSTALLED_APPS
    try:
        return bool(settings.SECRET_KEY)
    except ImproperlyConfigured:
        # Django raises this for an empty key.
        return False


def secret_key() -> str:
    """The value of SECRET_KEY.

    Raises:
        ImproperlyConfigured: it is not set. The message says what to do.
    """
    if not is_set():
        raise ImproperlyConfigured(NOT_SET)
    return str(settings.SECRET_KEY)
