from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from giftcodes.clients.games import CenturyClient, ProviderConfig, Rate
from giftcodes.clients.games.base import Answer
from tests.clients.http.raw_server import RawServer, Script

SALT = "pepper+and/salt"
FEED_KEY = "feed-key-4711"


def config_for(url: str, **changes: object) -> ProviderConfig:
    settings: dict[str, object] = {
        "name": "whiteout",
        "title": "Whiteout Survival",
        "realm_word": "state",
        "api_url": url,
        "origin": "https://gift.example",
        "rate": Rate(30, 60.0),
        "salt": SALT,
        "feed_url": url,
        "feed_key": FEED_KEY,
    }
    return ProviderConfig(**{**settings, **changes})  # type: ignore[arg-type]


def client_of(url: str, *, seconds: float = 60.0, connect_seconds: float = 60.0) -> CenturyClient:
    return CenturyClient(config_for(url), total_seconds=seconds, connect_seconds=connect_seconds)


def redeem(client: CenturyClient) -> Answer:
    return client.redeem(player_id="12345678", code="Frost2026", realm=245)


@pytest.fixture
def serve() -> Iterator[Callable[..., RawServer]]:
    servers: list[RawServer] = []

    def start(script: Script, **options: object) -> RawServer:
        servers.append(RawServer(script, **options))  # type: ignore[arg-type]
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
