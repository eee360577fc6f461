"""Directories of players: services that know a player's name and realm. One file for each kind of directory."""

from giftcodes.clients.directories.base import DirectoryAnswer, DirectoryConfig, Verdict
from giftcodes.clients.directories.mightpulse import look_up

__all__ = ["DirectoryAnswer", "DirectoryConfig", "Verdict", "look_up"]
