"""The installation's SECRET_KEY. It has no default, because a published key protects nothing."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

NOT_SET = (
    "SECRET_KEY is not set. Put a long random key into .env. It must be the same for all processes "
    "of the site, and must not change. (The command `up` makes a key itself.)"
)
LEAST_KEY_LENGTH = 32
#: Random text of LEAST_KEY_LENGTH has at least this many different characters, but a repeated word
#: may have fewer.
_LEAST_DIFFERENT_CHARACTERS = 5
#: The start of the keys that Django generates for a new project. They are often in a repository.
_SAMPLE = "django-insecure-"
WHAT_A_KEY_NEEDS = (
    f"{LEAST_KEY_LENGTH} random characters or more, such as the output of `openssl rand -hex 32`"
)
WEAK = "SECRET_KEY can be guessed: it is short, has few different characters, or is a sample."
HOW_TO_REPLACE = (
    f"Set SECRET_KEY to {WHAT_A_KEY_NEEDS}, and OLD_SECRET_KEY to the present value. Then "
    "what is encrypted can still be decrypted, and players who opted out are still recognised. "
    "Keep OLD_SECRET_KEY in the settings. People must log in again."
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


def is_weak(key: str) -> bool:
    """Whether a key can be guessed from a copy of the database."""
    return (
        len(key) < LEAST_KEY_LENGTH
        or len(set(key)) < _LEAST_DIFFERENT_CHARACTERS
        or key.startswith(_SAMPLE)
    )


def require_strong() -> None:
    """Check SECRET_KEY before a process of the site starts.

    Raises:
        ImproperlyConfigured: it is not set, or it can be guessed. The message says what to do.
    """
    if is_weak(secret_key()):
        raise ImproperlyConfigured(f"{WEAK} {HOW_TO_REPLACE}")
