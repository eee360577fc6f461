"""Poll the feeds: retrieve each list, decide what is new, and store that.

A code that several feeds list is one code. `lines.decide` is a pure function.
"""

from giftcodes.pipeline.poll.lines import FeedLineKind, Stored, decide, store
from giftcodes.pipeline.poll.polling import (
    PollResult,
    due_feeds,
    poll,
    poll_feed,
    receive,
    seconds_until_due,
)

__all__ = [
    "FeedLineKind",
    "PollResult",
    "Stored",
    "decide",
    "due_feeds",
    "poll",
    "poll_feed",
    "receive",
    "seconds_until_due",
    "store",
]
