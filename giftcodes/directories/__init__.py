"""Directories of players: services that know a player's name and realm. One file for each kind of directory."""

from giftcodes.directories.base import DirectoryAnswer, DirectoryConfig, Verdict
from giftcodes.directories.mightpulse import look_up

__all__ = ["DirectoryAnswer", "DirectoryConfig", "Verdict", "look_up"]
