"""Where a provider's codes are published: one file for each kind of feed."""

from giftcodes.feeds.base import FeedConfig, FeedReading, FeedStatus, PublishedCode
from giftcodes.feeds.community import fetch

__all__ = ["FeedConfig", "FeedReading", "FeedStatus", "PublishedCode", "fetch"]
