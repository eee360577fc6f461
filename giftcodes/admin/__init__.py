"""What operators see and press: one file a story.

Nothing here is written by whole-form saves: the flow owns the machine's fields, and history is for reading.
"""

from giftcodes.admin import (
    codes,
    delivery,
    directories,
    feeds,
    framed,
    guilds,
    journal,
    member_imports,
    member_redemptions,
    members,
    providers,
    pruned,
    redemptions,
)

__all__ = [
    "codes",
    "delivery",
    "directories",
    "feeds",
    "framed",
    "guilds",
    "journal",
    "member_imports",
    "member_redemptions",
    "members",
    "providers",
    "pruned",
    "redemptions",
]
