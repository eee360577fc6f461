"""What a client must know to poll a feed: its address, its key, and how to read its answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from giftcodes.clients.feeds import SourceOptions
from giftcodes.clients.games.config import ProviderConfig
from giftcodes.clients.http.destinations import PrivateHosts
from giftcodes.models.feed import Feed
from giftcodes.models.games import game, private_hosts


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
    #: Where a person enters the address and the key of the feed. Error messages name this place.
    feed_place: str
    from_browser: frozenset[str] = frozenset({"feed_url", "feed_key"})


def source_of(feed: Feed) -> FeedSource | ProviderConfig:
    """The source of a feed, with its address.

    Raises:
        KeyError: the game is no longer in the settings.
        ValueError: the address or the key cannot be read, because its encryption key is missing.
    """
    config = game(feed.provider)
    if feed.is_main:
        return config
    if not feed.is_readable:
        raise ValueError(
            "The address or the key of the feed cannot be read, because the encryption key is "
            "missing. Enter the address and the key of the feed again on its page."
        )
    return FeedSource(
        name=feed.provider,
        title=f"{config.title}, feed “{feed.name}”",
        feed_url=feed.address,
        feed_key=feed.api_key,
        feed_format=feed.kind,
        feed_hosts=private_hosts(),
        poll_seconds=float(feed.interval_seconds),
        feed_options=SourceOptions(**feed.options),
        feed_place="on the page of the feed",
    )
