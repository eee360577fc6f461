"""What the environment and `.env` say about this start, read before Django is."""

from __future__ import annotations

from dataclasses import dataclass

from redeemer import database_url, environment
from redeemer.games import GAMES
from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.home import REPOSITORY

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
        CannotStartError: `.env` or a number cannot be read.
    """
    try:
        environment.load(REPOSITORY / ".env")
        settings = environment.Settings()
        if settings.str("DATABASE_URL"):
            database_url.parameters(settings.str("DATABASE_URL"))
        return Configuration(
            host=settings.str("BIND").strip() or "127.0.0.1",
            port=settings.int("PORT", default=8000, least=1, most=65_535),
            control_threads=settings.int("CONTROL_THREADS", default=4, least=1, most=1000),
            redeem_threads=settings.int("REDEEM_THREADS", default=8, least=1, most=1000),
            has_provider=any(settings.str(game.setting("SALT")) for game in GAMES),
        )
    except environment.SettingError as error:
        raise CannotStartError(str(error)) from error


def shared(variables: dict[str, str]) -> dict[str, str]:
    """The part of `variables` that other commands need to work on the same installation."""
    prefixes = tuple(game.setting("") for game in GAMES)
    return {
        name: value
        for name, value in variables.items()
        if name in _SHARED or name.startswith(prefixes)
    }


_LOCAL = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - a browser cannot open "everywhere"


def _spelled(host: str) -> str:
    return f"[{host}]" if ":" in host else host
