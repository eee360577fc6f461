"""Clients of the feeds in which codes are published, with one file for each feed format."""

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

#: The function that reads a body, by the value of `<GAME>_FEED_FORMAT`.
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
        etag, last_modified: the values of the last reading. With them, the feed may answer "not
            modified".
        total_seconds: the limit for the request.
        connect_seconds: the part of `total_seconds` that connecting may take.
    """
    read = FORMATS.get(config.feed_format)
    if read is None:
        setting, known = f"{config.name.upper()}_FEED_FORMAT", ", ".join(FORMATS)
        return FeedReading(
            FeedStatus.FAILED, error=f"{setting} has an unknown value. Known formats: {known}."
        )
    return read_feed(
        config,
        read,
        etag=etag,
        last_modified=last_modified,
        total_seconds=total_seconds,
        connect_seconds=connect_seconds,
    )
