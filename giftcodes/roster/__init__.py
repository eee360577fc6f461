"""Read lists of members from files: a workbook, CSV, or one player ID per line.

Bytes (`text`, `workbook`) -> records and their columns (`parse`, `columns`) -> values (`cells`) ->
members, and bad lines with their reason. Nothing here uses the database. `limits` says how much a
list may hold.
"""

from giftcodes.roster.parse import MemberList, members_in, read_members
from giftcodes.roster.text import MAX_BYTES, text_of
from giftcodes.roster.values import BadLine, ListedMember, UnreadableListError

__all__ = [
    "MAX_BYTES",
    "BadLine",
    "ListedMember",
    "MemberList",
    "UnreadableListError",
    "members_in",
    "read_members",
    "text_of",
]
