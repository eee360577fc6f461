"""Read lists of members: a workbook, CSV, a message of a chat, or one player ID per line.

Bytes (`text`, `workbook`) -> records and their columns (`parse`, `columns`) -> values (`cells`), or
lines as people write them (`chat`: `masks`, `player_ids`, `names`, and `context` for the lines
around them) -> a review of all lines (`review`). Nothing here uses the database. `limits` says how
much a list may hold, and `turns` lets long texts wait for each other.
"""

from giftcodes.roster.review import (
    listed,
    listed_values,
    member_list,
    members_in,
    read_members,
    review_of,
)
from giftcodes.roster.text import MAX_BYTES, text_of
from giftcodes.roster.turns import turn_to_read
from giftcodes.roster.values import (
    BadLine,
    ListedMember,
    MemberList,
    Review,
    ReviewedLine,
    UnreadableListError,
    Verdict,
)

__all__ = [
    "MAX_BYTES",
    "BadLine",
    "ListedMember",
    "MemberList",
    "Review",
    "ReviewedLine",
    "UnreadableListError",
    "Verdict",
    "listed",
    "listed_values",
    "member_list",
    "members_in",
    "read_members",
    "review_of",
    "text_of",
    "turn_to_read",
]
