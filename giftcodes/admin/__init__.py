"""The admin pages, with one folder for each subject.

The form of a model that the pipeline also writes saves only changed fields. History is read-only.
"""

from giftcodes.admin import access, codes, games, guilds, members, monitoring, redemptions, urls

__all__ = ["access", "codes", "games", "guilds", "members", "monitoring", "redemptions", "urls"]
