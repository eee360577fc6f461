"""Reading lists of members from files: a workbook, CSV, or one player ID per line.

Bytes (`text`, `workbook`) -> records and their columns (`parse`, `columns`) -> values (`cells`) ->
members, and bad lines with their reason. There is no database here.
"""

from giftcodes.roster.parse import MemberList, read_members
from giftcodes.roster.values import BadLine, ListedMember, UnreadableListError

__all__ = ["BadLine", "ListedMember", "MemberList", "UnreadableListError", "read_members"]
