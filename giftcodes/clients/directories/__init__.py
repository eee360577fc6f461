"""Clients of player directories, one file each. A directory knows a player's name and realm."""

from giftcodes.clients.directories.base import DirectoryAnswer, DirectoryConfig, LookupStatus
from giftcodes.clients.directories.mightpulse import look_up

__all__ = ["DirectoryAnswer", "DirectoryConfig", "LookupStatus", "look_up"]
