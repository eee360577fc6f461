"""Members, lists of members, and single players."""

from giftcodes.admin.members import admin, member_imports

__all__ = ["admin", "member_imports"]
