"""Members, imports of members, and the opt-outs of players."""

from giftcodes.admin.members import admin, imports, player_page

__all__ = ["admin", "imports", "player_page"]
