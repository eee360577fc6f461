"""Lists of members as people have them, a workbook, CSV or bare player IDs: bytes in, values out, nothing else.

Bytes -> text -> the cells of each line -> columns by name or by place -> a member, or why the line is none.
"""

from giftcodes.roster.parse import MemberList, read_members
from giftcodes.roster.values import BadLine, ListedMember, UnreadableListError

__all__ = ["BadLine", "ListedMember", "MemberList", "UnreadableListError", "read_members"]
