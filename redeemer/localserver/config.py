"""The configuration of `make up`. It is read from the environment before Django's settings are."""

from __future__ import annotations

from dataclasses import dataclass

from redeemer import database_url, environment
from redeemer.games import GAMES
from redeemer.localserver.errors import CannotStartError

#: The settings that other commands share with `up`, besides those of the games.
_PUBLISHED = (
    "DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "OLD_SECRET_KEY",
    "ENCRYPTION_KEYS",
    "ALLOWED_HOSTS",
    "TIME_ZONE",
    "PORT",
    "GAME_PRIVATE_HOSTS",
)
#: For each address that stands for all interfaces, the one that a browser can open.
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


@dataclass(frozen=True)
class Config:
    """Where the site listens, how many threads each worker has, and whether the simulator runs."""

    host: str
    port: int
    control_threads: int
    redeem_threads: int
    has_demo: bool

    @property
    def local_host(self) -> str:
        """The host under which this computer reaches the site."""
        return _LOOPBACK.get(self.host, self.host)

    @property
    def address(self) -> str:
        """The URL of the site for a browser on this computer."""
        return f"http://{_bracketed(self.local_host)}:{self.port}"

    @property
    def bind(self) -> str:
        """The address that the web server listens on."""
        return f"{_bracketed(self.host)}:{self.port}"


def read() -> Config:
    """Read the configuration from the environment, after adding the variables of `.env` to it.

    Variables that exist already keep their values.

    Raises:
        CannotStartError: `.env` or a setting cannot be read.
    """
    try:
        environment.load_file()
        settings = environment.Settings()
        if settings.str("DATABASE_URL"):
            database_url.parameters(settings.str("DATABASE_URL"))
        return Config(
            host=settings.str("BIND").strip() or "127.0.0.1",
            port=settings.int("PORT", default=8000, least=1, most=65_535),
            control_threads=settings.int("CONTROL_THREADS", default=4, least=1, most=1000),
            redeem_threads=settings.int("REDEEM_THREADS", default=8, least=1, most=1000),
            has_demo=settings.bool(
                "DEMO", default=not any(settings.str(game.setting("SALT")) for game in GAMES)
            ),
        )
    except environment.SettingError as error:
        raise CannotStartError(str(error)) from error


def published(variables: dict[str, str]) -> dict[str, str]:
    """Return those of the variables that other commands need to work on the same installation."""
    prefixes = tuple(game.setting("") for game in GAMES)
    return {
        name: value
        for name, value in variables.items()
        if name in _PUBLISHED or name.startswith(prefixes)
    }


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
