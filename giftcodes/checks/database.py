"""Checks that read the database. Django runs them in `migrate` and `check --database`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DEFAULT_DB_ALIAS, connections

from giftcodes.domain.database_encoding import wrong_encoding
from giftcodes.models.games import with_stored
from giftcodes.models.stored_setting import StoredSetting


@register(Tags.database)
def check_encoding(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """A database that cannot hold every character refuses some names, or cannot find them."""
    messages: list[CheckMessage] = []
    for alias in databases or ():
        with connections[alias].cursor() as cursor:
            cursor.execute("SHOW server_encoding")
            (encoding,) = cursor.fetchone()
        if problem := wrong_encoding(encoding):
            messages.append(Error(problem, id="giftcodes.E013"))
    return messages


@register(Tags.database)
def check_some_provider(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """A game without a salt is off. If all games are off, nothing can be redeemed.

    The salt may be in the environment, or may have been entered in the browser.
    """
    if DEFAULT_DB_ALIAS not in (databases or ()):
        return []
    stored = {row.name: row.value for row in _stored(databases) if row.value}
    if any(with_stored(config, stored).is_on for config in settings.PROVIDERS.values()):
        return []
    return [
        Warning(
            "No game is connected: nothing can be redeemed.",
            hint=(
                f"Connect one in the browser under “Connect a game”, or set {_salts()} in .env "
                "(docs/how-to/connect-a-game.md)."
            ),
            id="giftcodes.W001",
        )
    ]


@register(Tags.database)
def check_stored_settings(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """A stored setting counts as not set if the key that decrypts it is lost."""
    lost = sorted(row.name for row in _stored(databases) if not row.is_readable)
    if not lost:
        return []
    return [
        Warning(
            f"Settings that were entered in the browser cannot be decrypted: {', '.join(lost)}.",
            hint=(
                "Put the old key back into SECRET_KEY, OLD_SECRET_KEY or ENCRYPTION_KEYS, or enter "
                "the values again under “Connect a game”."
            ),
            id="giftcodes.W004",
        )
    ]


def _stored(databases: Sequence[str] | None) -> Iterator[StoredSetting]:
    """The stored settings. There are none before the migration that creates their table."""
    if DEFAULT_DB_ALIAS not in (databases or ()):
        return
    connection = connections[DEFAULT_DB_ALIAS]
    if StoredSetting._meta.db_table in connection.introspection.table_names():
        yield from StoredSetting.objects.all()


def _salts() -> str:
    """The settings that switch a game on. The simulator is left out unless it has an address."""
    return " or ".join(
        f"{config.name.upper()}_SALT" for config in settings.PROVIDERS.values() if config.api_url
    )
