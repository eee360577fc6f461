"""The admin pages, in one folder for each thing that a person looks at.

The form of a model that the pipeline writes saves only changed fields. History is read-only.
"""

from giftcodes.admin import access, codes, games, guilds, members, monitoring, redemptions, urls

__all__ = ["access", "codes", "games", "guilds", "members", "monitoring", "redemptions", "urls"]
