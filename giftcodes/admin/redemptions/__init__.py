"""Redemptions: runs, their members, and the pages that plan and show them."""

from giftcodes.admin.redemptions import admin, member_redemptions

__all__ = ["admin", "member_redemptions"]
