"""What a client must know to poll a feed: its address, its key, and how to read its answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from giftcodes.clients.feeds import SourceOptions
from giftcodes.clients.games.config import ProviderConfig
from giftcodes.clients.http.destinations import PrivateHosts
from giftcodes.models.feed import Feed
from giftcodes.models.games import game, private_hosts


class UnreadableFeedError(Exception):
    """The address or the key of a feed cannot be decrypted."""


@dataclass(frozen=True, slots=True)
class FeedSource:
    """A feed that a person has added in the browser (see `FeedConfig` in clients/feeds/base.py).

    The `repr` omits the address and the key, to keep them out of logs.
    """

    name: str
    title: str
    feed_url: str = field(repr=False)
    feed_key: str = field(repr=False)
    feed_format: str
    feed_hosts: PrivateHosts | None
    poll_seconds: float
    feed_options: SourceOptions | None
    #: Whether a person enters the address and the key on the feed's own page. Errors name the page.
    has_feed_page: bool = True
    from_browser: frozenset[str] = frozenset({"feed_url", "feed_key"})


def source_of(feed: Feed) -> FeedSource | ProviderConfig:
    """The source of a feed, with its address.

    Raises:
        KeyError: the game is no longer in the settings.
        UnreadableFeedError: the address or the key cannot be read, because its encryption key is
            missing.
    """
    config = game(feed.provider)
    if feed.is_main:
        return config
    if not feed.is_readable:
        raise UnreadableFeedError
    return FeedSource(
        name=feed.provider,
        title=f"{config.title}, feed “{feed.name}”",
        feed_url=feed.address,
        feed_key=feed.api_key,
        feed_format=feed.kind,
        feed_hosts=private_hosts(),
        poll_seconds=float(feed.interval_seconds),
        feed_options=SourceOptions(**feed.options),
    )
