"""Users, their roles, and the pages of packages."""

from giftcodes.admin.access import third_party

__all__ = ["third_party"]
