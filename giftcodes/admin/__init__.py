"""The admin pages, in one folder for each thing that a person looks at.

No page saves a whole form of a model that the pipeline writes, and history is read-only.
"""

from giftcodes.admin import access, codes, guilds, members, monitoring, redemptions, urls

__all__ = ["access", "codes", "guilds", "members", "monitoring", "redemptions", "urls"]
