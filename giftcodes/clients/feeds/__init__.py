"""Where a provider's codes are published: one file for each format of a feed, registered here by name."""

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

#: What reads a body, by the format's name as `<GAME>_FEED_FORMAT` has it.
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
    """Ask the feed once for its list. Never raises; never sleeps.

    Args:
        etag, last_modified: as the last reading brought them; the feed may then answer "not modified".
        total_seconds: the request in all.
        connect_seconds: of these, the most for reaching the server.
    """
    read = FORMATS.get(config.feed_format)
    if read is None:
        setting, known = f"{config.name.upper()}_FEED_FORMAT", ", ".join(FORMATS)
        return FeedReading(FeedStatus.FAILED, error=f"{setting} is not known. Known are: {known}.")
    return read_feed(
        config,
        read,
        etag=etag,
        last_modified=last_modified,
        total_seconds=total_seconds,
        connect_seconds=connect_seconds,
    )
