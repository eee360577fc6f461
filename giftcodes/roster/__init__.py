"""Read lists of members: a workbook, CSV, a message of a chat, or one player ID per line.

The modules, in the order of the steps: `text` and `workbook` turn bytes into text. `parse` and
`columns` divide it into records with columns. `cells` reads a record as values, or else `chat`
reads it as lines that people wrote (with `masks`, `player_ids` and `names`, and `context` for the
lines around each). `review` joins the results. Nothing here uses the database. `limits` says how
much a list may hold, and `turns` lets long texts wait for each other.
"""

from giftcodes.roster.review import (
    listed,
    listed_values,
    member_list,
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
    "review_of",
    "text_of",
    "turn_to_read",
]
