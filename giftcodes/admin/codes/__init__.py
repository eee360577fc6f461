"""Gift codes."""

from giftcodes.admin.codes import admin, proposals

__all__ = ["admin", "proposals"]
