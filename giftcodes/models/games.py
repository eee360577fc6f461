"""The games as they are configured now: by the environment first, and then by the browser.

Everything that uses the salt, an address or a key of a game reads it here. `settings.PROVIDERS`
holds only what the environment says.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

from django.conf import settings

from giftcodes.clients.games.config import IN_BROWSER, ProviderConfig
from giftcodes.clients.http.destinations import PrivateHosts
from giftcodes.models.encrypted import keyed_hash
from giftcodes.models.stored_setting import stored_values

#: For each address, the secret that is sent to it or that signs the requests to it. If the
#: environment sets the secret, a person in the browser must not choose where it is used.
SECRET_OF = {"api_url": "salt", "feed_url": "feed_key"}
#: The fields that are secrets. They are never shown.
SECRETS = frozenset({"salt", "feed_key"})


def games() -> dict[str, ProviderConfig]:
    """Each game's configuration, by its name. It is at most two seconds old.

    All games together take at most one statement every `stored_setting.KEPT_SECONDS`.
    """
    stored = stored_values()
    configured: dict[str, ProviderConfig] = settings.PROVIDERS
    if not stored:
        return configured
    return {name: with_stored(config, stored) for name, config in configured.items()}


def game(name: str) -> ProviderConfig:
    """One game's configuration.

    Raises:
        KeyError: there is no such game.
    """
    return with_stored(settings.PROVIDERS[name], stored_values())


def is_fixed(config: ProviderConfig, field: str) -> bool:
    """Whether the environment decides a field of a game. If so, the browser cannot change it.

    Args:
        config: the game, as in `settings.PROVIDERS`.
        field: a key of `IN_BROWSER`.
    """
    if field in config.from_environment:
        return True
    if field in SECRET_OF:
        return bool(getattr(config, SECRET_OF[field]) or (field == "feed_url" and config.feed_url))
    return field in SECRETS and bool(getattr(config, field))


def with_stored(config: ProviderConfig, stored: Any) -> ProviderConfig:
    """Fill the fields of a game that the environment leaves open.

    Args:
        config: the game, as in `settings.PROVIDERS`.
        stored: the stored values, by the names of the settings.
    """
    changes: dict[str, Any] = {
        field: stored[config.setting(field)]
        for field in IN_BROWSER
        if config.setting(field) in stored and not is_fixed(config, field)
    }
    if not changes:
        return config
    changes["from_browser"] = frozenset(changes)
    if "is_enabled" in changes:
        changes["is_enabled"] = changes["is_enabled"] == "1"
    for url, hosts in (("api_url", "api_hosts"), ("feed_url", "feed_hosts")):
        if url in changes:
            changes[hosts] = private_hosts()
    return replace(config, **changes)


def fingerprint(config: ProviderConfig) -> str:
    """A hash of the values that decide whether a game can be reached. It does not reveal them."""
    parts = (config.is_enabled, config.api_url, config.salt, config.feed_url, config.feed_key)
    return keyed_hash("connection", repr((*parts, config.feed_format)))


def private_hosts() -> PrivateHosts:
    """The private hosts that addresses from the browser may lead to.

    Raises:
        ValueError: GAME_PRIVATE_HOSTS has an entry that is not a host (giftcodes.E035).
    """
    return _private_hosts(tuple(settings.GAME_PRIVATE_HOSTS))


@functools.lru_cache(maxsize=8)
def _private_hosts(entries: tuple[str, ...]) -> PrivateHosts:
    return PrivateHosts.of(entries)
