"""Clients of the feeds in which codes are published: one file for each format."""

from __future__ import annotations

from collections.abc import Callable

from giftcodes.clients.feeds import community, kingshot_net
from giftcodes.clients.feeds.base import (
    FeedConfig,
    FeedReading,
    FeedStatus,
    Listing,
    PublishedCode,
    read_feed,
)

__all__ = ["FORMATS", "FeedConfig", "FeedReading", "FeedStatus", "PublishedCode", "fetch"]

#: The reader of a body, by the name that `<GAME>_FEED_FORMAT` has.
FORMATS: dict[str, Callable[[bytes], Listing]] = {
    "community": community.read_list,
    "kingshot.net": kingshot_net.read_list,
}


def fetch(
    config: FeedConfig,
    *,
    etag: str = "",
    last_modified: str = "",
    total_seconds: float,
    connect_seconds: float,
) -> FeedReading:
    """Fetch the feed's list once. Never raises and never sleeps.

    Args:
        etag, last_modified: from the last reading; the feed may then answer "not modified".
        total_seconds: the limit for the request.
        connect_seconds: the part of it that connecting may take.
    """
    read = FORMATS.get(config.feed_format)
    if read is None:
        setting, known = f"{config.name.upper()}_FEED_FORMAT", ", ".join(FORMATS)
        return FeedReading(
            FeedStatus.FAILED, error=f"{setting} is unknown. Known formats: {known}."
        )
    return read_feed(
        config,
        read,
        etag=etag,
        last_modified=last_modified,
        total_seconds=total_seconds,
        connect_seconds=connect_seconds,
    )
