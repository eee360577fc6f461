"""The rules for the addresses of channels, as the settings define them."""

from __future__ import annotations

import functools

from django.conf import settings

from giftcodes.clients.channels import ChannelRules
from giftcodes.clients.http.destinations import EVERY_HOST, PrivateHosts


def for_guilds() -> ChannelRules:
    """The rules for addresses that a person enters in the admin.

    Raises:
        ValueError: CHANNEL_PRIVATE_HOSTS has an entry that is not a host (giftcodes.E014).
    """
    return _rules(tuple(settings.CHANNEL_PRIVATE_HOSTS), tuple(settings.CHANNEL_SCHEMES))


def for_operator() -> ChannelRules:
    """The rules for OPERATOR_CHANNEL. Only the operator can set it, so every host is allowed."""
    return ChannelRules(EVERY_HOST, _schemes(tuple(settings.CHANNEL_SCHEMES)))


@functools.lru_cache(maxsize=8)
def _rules(hosts: tuple[str, ...], schemes: tuple[str, ...]) -> ChannelRules:
    return ChannelRules(PrivateHosts.of(hosts), _schemes(schemes))


def _schemes(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name.strip().lower().removesuffix("://") for name in names)
