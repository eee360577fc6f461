"""The configuration of a game, as plain values. The settings read them from the environment."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from giftcodes.clients.feeds.options import SourceOptions
from giftcodes.clients.http.destinations import PrivateHosts

#: The settings of a game that can also be entered in the browser: for each field of
#: `ProviderConfig`, the end of the setting's name. A setting in the environment takes precedence.
IN_BROWSER = {
    "salt": "SALT",
    "api_url": "API_URL",
    "feed_url": "FEED_URL",
    "feed_key": "FEED_KEY",
    "feed_format": "FEED_FORMAT",
    "is_enabled": "ON",
}


@dataclass(frozen=True, slots=True)
class Rate:
    """A limit for one IP address: this many `requests` in a window of `seconds`."""

    requests: int
    seconds: float

    @classmethod
    def parse(cls, text: str) -> Rate | None:
        """Read a rate such as `30/60` (30 requests in 60 s). The word `unlimited` gives None.

        Raises:
            ValueError: the text has another form, or a number in it is not positive.
        """
        if text.strip().casefold() == "unlimited":
            return None
        match = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+(?:\.\d+)?)\s*", text)
        if match is None or int(match[1]) < 1 or float(match[2]) <= 0:
            msg = (
                "A rate looks like 30/60 (30 requests in 60 seconds) or is the word unlimited, "
                f"not {text!r}."
            )
            raise ValueError(msg)
        return cls(int(match[1]), float(match[2]))


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """One game.

    The `repr` omits the secrets `salt`, `feed_key` and `directory_key`, to keep them out of logs.
    """

    name: str
    title: str
    realm_word: str
    api_url: str
    origin: str
    rate: Rate | None
    salt: str = field(default="", repr=False)
    feed_url: str = ""
    feed_key: str = field(default="", repr=False)
    poll_seconds: float = 60.0
    #: A key of `giftcodes.clients.games.CLIENTS`.
    protocol: str = "century"
    #: A key of `giftcodes.clients.feeds.FORMATS`.
    feed_format: str = "community"
    #: The URL of a player in a player directory. `{id}` stands for the player ID.
    directory_url: str = ""
    directory_key: str = field(default="", repr=False)
    directory_rate: Rate | None = Rate(60, 60.0)
    directory_per_day: int = 5_000
    #: Whether the game is switched on. A game that is switched off keeps its salt.
    is_enabled: bool = True
    #: The names of the fields that the environment sets. The browser cannot change them.
    from_environment: frozenset[str] = field(default=frozenset(), repr=False)
    #: The names of the fields whose values were entered in the browser.
    from_browser: frozenset[str] = field(default=frozenset(), repr=False)
    #: The private hosts that `api_url` and `feed_url` may lead to. None allows every host. The
    #: hosts are limited only if the address was entered in the browser.
    api_hosts: PrivateHosts | None = None
    feed_hosts: PrivateHosts | None = None
    #: Only an added feed has a page of its own and options (`models.feed_sources.FeedSource`). A
    #: game has these two fields because `FeedConfig` names them.
    has_feed_page: bool = False
    feed_options: SourceOptions | None = None

    def setting(self, field_name: str) -> str:
        """The name of the setting that fills a field: `salt` gives `WHITEOUT_SALT`."""
        return f"{self.name.upper()}_{IN_BROWSER[field_name]}"

    @property
    def is_on(self) -> bool:
        """Whether codes are redeemed for this game. Without a salt, no request can be signed."""
        return bool(self.is_enabled and self.salt and self.api_url)

    @property
    def off_setting(self) -> str:
        """The name of the setting that keeps the game off. Empty if the game is on."""
        needed = ("is_enabled", "salt", "api_url")
        return next((self.setting(name) for name in needed if not getattr(self, name)), "")

    @property
    def why_off(self) -> str:
        """Why the game is off, in English, without a full stop. Empty if the game is on."""
        if not self.is_enabled:
            return f"{self.off_setting} is off"
        return "" if self.is_on else f"{self.off_setting} is not set"

    @property
    def has_feed(self) -> bool:
        """Whether there is a feed to poll. Without one, codes are added by hand."""
        return self.is_on and bool(self.feed_url)

    @property
    def has_directory(self) -> bool:
        """Whether players can be looked up in a directory."""
        return self.is_on and bool(self.directory_url and self.directory_key)
