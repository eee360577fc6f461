"""Guilds, the tabs of their pages, and their channels."""

from giftcodes.admin.guilds import admin, channels

__all__ = ["admin", "channels"]
