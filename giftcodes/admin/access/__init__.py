"""Users, their roles, and the pages of packages.

Which rows a user may see is decided in giftcodes.admin.common.scope.
"""

from giftcodes.admin.access import third_party

__all__ = ["third_party"]
