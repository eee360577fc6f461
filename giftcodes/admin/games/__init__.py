"""Games, their feeds, and their directories of players."""

from giftcodes.admin.games import directories, feeds, providers

__all__ = ["directories", "feeds", "providers"]
