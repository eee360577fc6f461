"""Guilds, and their channels."""

from giftcodes.admin.guilds import admin, channels

__all__ = ["admin", "channels"]
