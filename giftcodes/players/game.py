"""The game of a guild in a player's words."""

from __future__ import annotations

from dataclasses import dataclass

from giftcodes.models import Guild
from giftcodes.models.game_words import place_noun, title_of
from giftcodes.models.games import games


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
    return GameWords(
        title_of(guild.provider),
        place_noun(guild.provider),
        has_directory=config is not None and config.has_directory,
    )
