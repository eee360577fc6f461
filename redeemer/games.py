"""The games whose codes can be redeemed.

To add a game that uses a protocol in `giftcodes.clients.games.CLIENTS`, add a block to GAMES.
Nothing else needs to change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from giftcodes.clients.games.config import IN_BROWSER, ProviderConfig, Rate
from redeemer.environment import SettingError, Settings

#: A game's name. Database columns limit its length. Its characters must be allowed in the names of
#: settings, because the name is their prefix.
_NAME = re.compile(r"[a-z][a-z0-9]{0,19}")


@dataclass(frozen=True, slots=True)
class Game:
    """A game, with the defaults for its settings.

    Args:
        name: up to 20 lower-case letters and digits. In upper case, it is the prefix of the game's
            settings.
        title: the name that players use.
        realm_word: the game's own word for what its API calls `kid`.
        api_url: the address at which codes are redeemed.
        origin: the address of the gift page, without a slash at the end.
        rate: the rate limit. `30/60` means 30 requests in 60 seconds.
        protocol: a key of `giftcodes.clients.games.CLIENTS`.
        directory_url: the address of a player in a directory of players. `{id}` stands for the
            player ID.

    Raises:
        ValueError: the name cannot be used.
    """

    name: str
    title: str
    realm_word: str
    api_url: str
    origin: str
    rate: str = "30/60"
    protocol: str = "century"
    directory_url: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                "The game's name must be 1 to 20 lower-case letters and digits, and begin with a "
                f"letter: {self.name!r} does not."
            )

    def setting(self, what: str) -> str:
        """Return the name of one of the game's settings: `SALT` gives `WHITEOUT_SALT`."""
        return f"{self.name.upper()}_{what}"


#: docs/reference/protocol.md says what is known about each game.
GAMES: tuple[Game, ...] = (
    Game(
        name="whiteout",
        title="Whiteout Survival",
        realm_word="state",
        api_url="https://wos-giftcode-api.centurygame.com/api/gift_code",
        origin="https://wos-giftcode.centurygame.com",
    ),
    Game(
        name="kingshot",
        title="Kingshot",
        realm_word="kingdom",
        api_url="https://kingshot-giftcode.centurygame.com/api/gift_code",
        origin="https://ks-giftcode.centurygame.com",
        directory_url="https://api.mightpulse.com/v1/players/{id}?include=base",
    ),
    Game(
        name="lordrush",
        title="Lord Rush",
        # The game's own word for a realm is not known.
        realm_word="realm",
        api_url="https://s01-gm-report-api-prod-eo.centurygame.com/api/gift_code",
        origin="https://ls-giftcode.centurygame.com",
    ),
    Game(
        name="simulator",
        title="Simulator",
        realm_word="state",
        api_url="",
        origin="http://localhost",
        rate="30/10",
    ),
)


def providers(games: Iterable[Game], env: Settings) -> dict[str, ProviderConfig]:
    """Return the configuration of each game, by the game's name.

    Raises:
        ValueError: two games have the same name.
        SettingError: a setting has a value that cannot be used. The text names the setting.
    """
    found: dict[str, ProviderConfig] = {}
    for game in games:
        if game.name in found:
            raise ValueError(f"There are two games with the name {game.name!r}.")
        found[game.name] = _provider(game, env)
    return found


def _provider(game: Game, env: Settings) -> ProviderConfig:
    set_here = {name for name, what in IN_BROWSER.items() if env.str(game.setting(what))}
    return ProviderConfig(
        name=game.name,
        title=game.title,
        realm_word=game.realm_word,
        protocol=game.protocol,
        api_url=env.str(game.setting("API_URL"), default=game.api_url),
        origin=env.str(game.setting("ORIGIN"), default=game.origin).rstrip("/"),
        rate=_rate(env, game.setting("RATE"), game.rate),
        salt=env.str(game.setting("SALT"), default=""),
        feed_url=env.str(game.setting("FEED_URL"), default=""),
        feed_key=env.str(game.setting("FEED_KEY"), default=""),
        feed_format=env.str(game.setting("FEED_FORMAT"), default="community"),
        poll_seconds=env.float(game.setting("POLL_SECONDS"), default=60.0),
        directory_url=env.str(game.setting("DIRECTORY_URL"), default=game.directory_url),
        directory_key=env.str(game.setting("DIRECTORY_KEY"), default=""),
        directory_rate=_rate(env, game.setting("DIRECTORY_RATE"), "60/60"),
        directory_per_day=env.int(game.setting("DIRECTORY_PER_DAY"), default=5_000),
        is_enabled=env.bool(game.setting("ON"), default=True),
        from_environment=frozenset(set_here),
    )


def _rate(env: Settings, setting: str, default: str) -> Rate | None:
    try:
        return Rate.parse(env.str(setting, default=default))
    except ValueError as error:
        msg = (
            f"{setting} must look like 30/60, which is 30 requests in 60 seconds, or be the word "
            "unlimited."
        )
        raise SettingError(msg) from error
