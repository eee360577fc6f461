"""The admin pages, with one folder for each subject.

If the pipeline also writes the rows of a model, its form saves only the changed fields. Rows that
only the pipeline writes are read-only.
"""

from giftcodes.admin import access, codes, games, guilds, members, monitoring, redemptions, urls

__all__ = ["access", "codes", "games", "guilds", "members", "monitoring", "redemptions", "urls"]
