"""Members, imports of members, and the opt-outs of players."""

from giftcodes.admin.members import admin, imports, opt_outs, player_page

__all__ = ["admin", "imports", "opt_outs", "player_page"]
