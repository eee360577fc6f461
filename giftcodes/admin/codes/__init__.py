"""Gift codes."""

from giftcodes.admin.codes import admin

__all__ = ["admin"]
