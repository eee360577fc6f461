"""The game of a guild in a player's words."""

from __future__ import annotations

from dataclasses import dataclass

from giftcodes.models import Guild
from giftcodes.models.games import games
from giftcodes.players.words import realm_word_of


@dataclass(frozen=True, slots=True)
class GameWords:
    """A game.

    Args:
        title: the name of the game.
        realm: what the game calls a realm, such as `state`.
        has_directory: whether players who agree are looked up in a directory.
    """

    title: str
    realm: str
    has_directory: bool


def game_of(guild: Guild) -> GameWords:
    """The game of a guild. The settings may no longer have it."""
    config = games().get(guild.provider)
    if config is None:
        return GameWords(guild.provider, str(realm_word_of("")), has_directory=False)
    word = str(realm_word_of(config.realm_word))
    return GameWords(config.title, word, config.has_directory)
