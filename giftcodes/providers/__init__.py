"""The games whose codes are redeemed: a new game is one line here, or one more file beside it."""

from __future__ import annotations

import os
from functools import lru_cache

from giftcodes.providers.base import Answer, GameClient, RateReport
from giftcodes.providers.century import CenturyClient
from giftcodes.providers.config import ProviderConfig, Rate

__all__ = ["CLIENTS", "Answer", "CenturyClient", "GameClient", "ProviderConfig", "Rate", "RateReport", "client_for"]

CLIENTS: dict[str, type[GameClient]] = {
    "whiteout": CenturyClient,
    "kingshot": CenturyClient,
    "simulator": CenturyClient,
}


def client_for(config: ProviderConfig, *, total_seconds: float, connect_seconds: float) -> GameClient:
    """The client of a game, with its connections: the same one for the same arguments. Threads may share it.

    Args:
        total_seconds: one request in all.
        connect_seconds: of these, the most for reaching the server.

    Raises:
        ValueError: no client is registered under the configuration's name.
    """
    # Connections must not be shared with a parent process.
    return _client(config, total_seconds, connect_seconds, os.getpid())


@lru_cache(maxsize=64)
def _client(config: ProviderConfig, total_seconds: float, connect_seconds: float, _pid: int) -> GameClient:
    if config.name not in CLIENTS:
        known = ", ".join(sorted(CLIENTS))
        raise ValueError(f"There is no client for the provider {config.name!r}; there are: {known}.")
    return CLIENTS[config.name](config, total_seconds=total_seconds, connect_seconds=connect_seconds)
