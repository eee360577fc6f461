"""The pace of a game's main feed when it is polled by hand."""

from __future__ import annotations

import datetime as dt
import time

from django.db import transaction

from giftcodes.models import Feed, database_now

#: The feed's service demands this time between two calls (docs/reference/protocol.md, section 2).
GAP_SECONDS = 3.0


def may_ask(provider: str) -> bool:
    """Whether the feed may be asked now."""
    return _wait_seconds(provider) == 0


def wait_for_feed(provider: str) -> None:
    """Wait until the feed may be polled again: three seconds at most."""
    if seconds := _wait_seconds(provider):
        time.sleep(seconds)


def _wait_seconds(provider: str) -> float:
    feed = Feed.objects.mains().get(provider)
    if feed is None or feed.polled_at is None:
        return 0.0
    passed = (database_now() - feed.polled_at).total_seconds()
    return GAP_SECONDS - passed if 0 <= passed < GAP_SECONDS else 0.0


def note_asked(provider: str) -> None:
    """Record that the feed is polled now, so that the next poll comes late enough."""
    feed_id = Feed.objects.main_of(provider).pk
    with transaction.atomic():
        feed = Feed.objects.select_for_update().get(pk=feed_id)
        feed.polled_at = database_now()
        feed.next_poll_at = max(
            feed.next_poll_at, feed.polled_at + dt.timedelta(seconds=GAP_SECONDS)
        )
        feed.save(update_fields=["polled_at", "next_poll_at"])
