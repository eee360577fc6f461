"""The key of the installation. There is none by default: what a constant key protects is open to all."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

NOT_SET = (
    "SECRET_KEY is not set. Put a long random one into .env, the same for all processes of the site, and keep it; "
    "`make up` makes its own."
)


def is_set() -> bool:
    """Whether there is a key.

    Raises:
        ImproperlyConfigured: the settings cannot be read.
    """
    _ = settings.INSTALLED_APPS
    try:
        return bool(settings.SECRET_KEY)
    except ImproperlyConfigured:
        # Django refuses to hand out an empty one.
        return False


def secret_key() -> str:
    """The key.

    Raises:
        ImproperlyConfigured: there is none. The text says what to do.
    """
    if not is_set():
        raise ImproperlyConfigured(NOT_SET)
    return str(settings.SECRET_KEY)
