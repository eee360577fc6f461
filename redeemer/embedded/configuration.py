"""What the environment and `.env` say about this start, read before Django is."""

from __future__ import annotations

import os
from dataclasses import dataclass

import environ

from redeemer.embedded.errors import CannotStartError
from redeemer.embedded.home import REPOSITORY
from redeemer.games import GAMES

_SHARED = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ALLOWED_HOSTS", "TIME_ZONE", "PORT")


@dataclass(frozen=True)
class Configuration:
    """Where the site is to listen, and who else is there already."""

    host: str
    port: int
    control_threads: int
    redeem_threads: int
    has_provider: bool

    @property
    def reachable_host(self) -> str:
        """The host by which this machine reaches the site."""
        return _LOCAL.get(self.host, self.host)

    @property
    def address(self) -> str:
        """Where a browser on this machine finds the site."""
        return f"http://{_spelled(self.reachable_host)}:{self.port}"

    @property
    def bind(self) -> str:
        """What the web server is to listen on."""
        return f"{_spelled(self.host)}:{self.port}"


def read() -> Configuration:
    """Read `.env` into the environment, which goes before it, and both into a value.

    Raises:
        CannotStartError: a number is none.
    """
    environ.Env.read_env(REPOSITORY / ".env")
    return Configuration(
        host=os.environ.get("BIND") or "127.0.0.1",
        port=_number("PORT", 8000, 65_535),
        control_threads=_number("CONTROL_THREADS", 4, 1000),
        redeem_threads=_number("REDEEM_THREADS", 8, 1000),
        has_provider=any(os.environ.get(game.setting("SALT")) for game in GAMES),
    )


def shared(environment: dict[str, str]) -> dict[str, str]:
    """The part of `environment` that other commands need to work on the same installation."""
    prefixes = tuple(game.setting("") for game in GAMES)
    return {name: value for name, value in environment.items() if name in _SHARED or name.startswith(prefixes)}


_LOCAL = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - a browser cannot open "everywhere"


def _spelled(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _number(name: str, default: int, largest: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= largest:
        raise CannotStartError(f"{name} is {text!r}; it must be a number from 1 to {largest}.")
    return int(text)
