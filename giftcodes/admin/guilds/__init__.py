"""Guilds."""

from giftcodes.admin.guilds import admin

__all__ = ["admin"]
