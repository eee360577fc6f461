"""Users, their roles, and the admin pages of other packages.

giftcodes.queries.scope decides which rows a user may see.
"""

from giftcodes.admin.access import invitations, third_party

__all__ = ["invitations", "third_party"]
