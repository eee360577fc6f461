"""Requests to the simulator, by the game's protocol.

They use neither the app nor the simulator's own signing.
"""

from __future__ import annotations

import hashlib
import socket
from typing import Any

import requests

from simulator import Simulator
from tests.simulator.fixtures import SALT, TOKEN

ANNA, BERT = "100000001", "100000002"
REALM = 1042
#: A delay that no test waits for.
ENDLESS_SECONDS = 600.0
#: Longer than any honest answer takes on the slowest machine: only a hang reaches it.
SECONDS = 60.0


def signed(fields: dict[str, str], salt: str = SALT) -> dict[str, str]:
    """`fields` with their signature."""
    raw = f"cdk={fields['cdk']}&fid={fields['fid']}&kid={fields['kid']}&time={fields['time']}{salt}"
    return {**fields, "sign": hashlib.md5(raw.encode()).hexdigest()}


def form(player: str = ANNA, code: str = "SNOW", realm: int = REALM) -> dict[str, str]:
    """A request's fields, signed."""
    return signed({"fid": player, "cdk": code, "kid": str(realm), "time": "1781524800"})


def ask(
    simulator: Simulator, player: str = ANNA, code: str = "SNOW", realm: int = REALM, **options: Any
) -> requests.Response:
    """Send a request for one player and code."""
    options.setdefault("timeout", SECONDS)
    return requests.post(
        simulator.api_url, data=form(player, code, realm), allow_redirects=False, **options
    )


def word(
    simulator: Simulator, player: str = ANNA, code: str = "SNOW", realm: int = REALM, **options: Any
) -> str:
    """The game's message for a request, without a full stop."""
    return str(ask(simulator, player, code, realm, **options).json()["msg"]).removesuffix(".")


def control_headers(token: str = TOKEN) -> dict[str, str]:
    """The headers that the control paths require."""
    return {"Authorization": f"Bearer {token}"}


def read_feed(simulator: Simulator, key: str = "any", **options: Any) -> requests.Response:
    """Read the feed."""
    headers = {"X-API-Key": key, **options.pop("headers", {})}
    options.setdefault("timeout", SECONDS)
    return requests.get(simulator.feed_url, headers=headers, allow_redirects=False, **options)


def grants(simulator: Simulator) -> list[tuple[str, str, int]]:
    """Who was granted what: player, code, issue."""
    return [
        (grant["player"], grant["code"], grant["issue"]) for grant in simulator.ledger()["grants"]
    ]


def last_entry(simulator: Simulator) -> dict[str, Any]:
    """The last request in the ledger."""
    entry: dict[str, Any] = simulator.ledger()["requests"][-1]
    return entry


def drips(simulator: Simulator, request: str) -> bytes:
    """A response that the fault `drip` sends piece by piece, up to the fifth dripped byte.

    It is read from the socket, because an HTTP library would wait for the rest.
    """
    host, _, port = simulator.url.removeprefix("http://").partition(":")
    received = b""
    with socket.create_connection((host, int(port)), timeout=SECONDS) as connection:
        connection.sendall(f"{request} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
        while not received.endswith((b" " * 5, b"aaaaa")):
            part = connection.recv(100)
            assert part
            received += part
    return received
