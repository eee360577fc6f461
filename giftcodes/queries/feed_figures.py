"""How good each feed is: how often it was first, how late it is, and how often it was wrong."""

from __future__ import annotations

from dataclasses import dataclass

from giftcodes.domain.outcomes import Outcome
from giftcodes.sql import fetch_as, statement


@dataclass(frozen=True, slots=True)
class FeedFigures:
    """What a feed has listed. Its first answer does not count: it may list very old codes.

    Args:
        feed_id: the feed.
        listed: how many codes it has listed.
        first: how many codes that the game accepted came from this feed before any other source.
        wrong: how many of its codes the game does not know.
        late_seconds: the median time by which it was later than another source. None if it never
            was.
    """

    feed_id: int
    listed: int = 0
    first: int = 0
    wrong: int = 0
    late_seconds: float | None = None


def feed_figures() -> dict[int, FeedFigures]:
    """The figures of each feed that has listed a code, by the feed's id, in one statement."""
    sql = statement("feeds", "figures")
    rows = fetch_as(FeedFigures, sql, unknown=Outcome.CODE_NOT_FOUND)
    return {row.feed_id: row for row in rows}
