"""The keys that encrypt, hash and sign."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, register

from giftcodes import secret_key
from giftcodes.checks.common import SETTINGS, errors


@register(SETTINGS)
def check_encryption_keys(**_: Any) -> list[CheckMessage]:
    """A short key can be guessed from a copy of the database."""
    is_weak = any(secret_key.is_weak(key) for key in settings.ENCRYPTION_KEYS)
    return errors(
        "giftcodes.E016",
        ["ENCRYPTION_KEYS has a key that is too short, or that can be guessed."] if is_weak else [],
        hint=f"Each key needs {secret_key.WHAT_A_KEY_NEEDS}, without a comma in it.",
    )


@register(SETTINGS)
def check_metrics_token(**_: Any) -> list[CheckMessage]:
    """A weak token can be guessed, because anyone who reaches the site can try tokens."""
    token = settings.METRICS_TOKEN
    return errors(
        "giftcodes.E036",
        ["METRICS_TOKEN is too short, or can be guessed."]
        if token and secret_key.is_weak(token)
        else [],
        hint=f"It needs {secret_key.WHAT_A_KEY_NEEDS}.",
    )


@register(SETTINGS)
def check_key_strength(**_: Any) -> list[CheckMessage]:
    """If the key is guessed, a copy of the database shows channels' addresses and who opted out."""
    is_weak = secret_key.is_set() and secret_key.is_weak(secret_key.secret_key())
    return errors(
        "giftcodes.E017", [secret_key.WEAK] if is_weak else [], hint=secret_key.HOW_TO_REPLACE
    )


@register(SETTINGS, deploy=True)
def check_secret_key(**_: Any) -> list[CheckMessage]:
    """Sessions, the opt-out list and the addresses of channels are protected with this key."""
    return errors(
        "giftcodes.E004",
        [] if secret_key.is_set() else ["SECRET_KEY is not set."],
        hint="Put a long random SECRET_KEY into .env.",
    )
