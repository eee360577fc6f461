"""Clients of the games, one for each protocol. redeemer/games.py lists the games."""

from __future__ import annotations

import os
from functools import lru_cache

from giftcodes.clients.games.base import Answer, GameClient, RateReport
from giftcodes.clients.games.century import CenturyClient
from giftcodes.clients.games.config import ProviderConfig, Rate
from giftcodes.clients.games.health import Health, HealthReport

__all__ = [
    "CLIENTS",
    "Answer",
    "CenturyClient",
    "GameClient",
    "Health",
    "HealthReport",
    "ProviderConfig",
    "Rate",
    "RateReport",
    "client_for",
]

#: The client classes, by `ProviderConfig.protocol`.
CLIENTS: dict[str, type[GameClient]] = {"century": CenturyClient}


def client_for(
    config: ProviderConfig, *, total_seconds: float, connect_seconds: float
) -> GameClient:
    """Return the client of a game, with its connections.

    Calls with the same arguments return the same client. Threads may share it.

    Args:
        total_seconds: the limit for one request.
        connect_seconds: the part of `total_seconds` that connecting may take.

    Raises:
        ValueError: no client is registered for the configuration's protocol.
    """
    # The process ID is part of the cache key, because connections must not be shared with a parent
    # process.
    return _client(config, total_seconds, connect_seconds, os.getpid())


@lru_cache(maxsize=64)
def _client(
    config: ProviderConfig, total_seconds: float, connect_seconds: float, _pid: int
) -> GameClient:
    if config.protocol not in CLIENTS:
        known = ", ".join(sorted(CLIENTS))
        raise ValueError(
            f"There is no client for the protocol {config.protocol!r}. Known protocols: {known}."
        )
    return CLIENTS[config.protocol](
        config, total_seconds=total_seconds, connect_seconds=connect_seconds
    )
