"""Clients of the games, by protocol. Which games there are is said in redeemer/games.py, not here."""

from __future__ import annotations

import os
from functools import lru_cache

from giftcodes.clients.games.base import Answer, GameClient, RateReport
from giftcodes.clients.games.century import CenturyClient
from giftcodes.clients.games.config import ProviderConfig, Rate
from giftcodes.clients.games.health import Checkup, Health

__all__ = [
    "CLIENTS",
    "Answer",
    "CenturyClient",
    "Checkup",
    "GameClient",
    "Health",
    "ProviderConfig",
    "Rate",
    "RateReport",
    "client_for",
]

#: By protocol: `ProviderConfig.protocol` names one of these.
CLIENTS: dict[str, type[GameClient]] = {"century": CenturyClient}


def client_for(
    config: ProviderConfig, *, total_seconds: float, connect_seconds: float
) -> GameClient:
    """The client of a game, with its connections: the same one for the same arguments. Threads may share it.

    Args:
        total_seconds: one request in all.
        connect_seconds: of these, the most for reaching the server.

    Raises:
        ValueError: no client is registered for the configuration's protocol.
    """
    # Connections must not be shared with a parent process.
    return _client(config, total_seconds, connect_seconds, os.getpid())


@lru_cache(maxsize=64)
def _client(
    config: ProviderConfig, total_seconds: float, connect_seconds: float, _pid: int
) -> GameClient:
    if config.protocol not in CLIENTS:
        known = ", ".join(sorted(CLIENTS))
        raise ValueError(
            f"There is no client for the protocol {config.protocol!r}; there are: {known}."
        )
    return CLIENTS[config.protocol](
        config, total_seconds=total_seconds, connect_seconds=connect_seconds
    )
