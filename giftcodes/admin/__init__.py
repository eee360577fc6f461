"""The admin pages, in one folder for each thing that a person looks at.

No page saves a whole form of a model that the pipeline writes, and history is read-only.
"""

from giftcodes.admin.access import third_party
from giftcodes.admin.codes import admin as codes
from giftcodes.admin.guilds import admin as guilds
from giftcodes.admin.members import admin as members
from giftcodes.admin.members import member_imports
from giftcodes.admin.monitoring import delivery, directories, feeds, journal, providers, pruned
from giftcodes.admin.redemptions import admin as redemptions
from giftcodes.admin.redemptions import member_redemptions

__all__ = [
    "codes",
    "delivery",
    "directories",
    "feeds",
    "guilds",
    "journal",
    "member_imports",
    "member_redemptions",
    "members",
    "providers",
    "pruned",
    "redemptions",
    "third_party",
]
