"""Clients of player directories, which know a player's name and realm: one file for each."""

from giftcodes.clients.directories.base import DirectoryAnswer, DirectoryConfig, LookupStatus
from giftcodes.clients.directories.mightpulse import look_up

__all__ = ["DirectoryAnswer", "DirectoryConfig", "LookupStatus", "look_up"]
