"""Poll one feed, if it is due, and take the codes that another program sends."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from django.conf import settings
from django.db import transaction

from giftcodes.clients.feeds import FeedReading, FeedStatus, PublishedCode, fetch
from giftcodes.clients.games.config import ProviderConfig
from giftcodes.domain import log_lines, tracing
from giftcodes.domain.backoff import feed_delay_seconds
from giftcodes.domain.sentences import Sentence, english
from giftcodes.models import Clock, Feed, database_now
from giftcodes.models.feed_sources import FeedSource, UnreadableFeedError, source_of
from giftcodes.models.games import game
from giftcodes.models.start_rules import providers_on
from giftcodes.pipeline.poll.lines import Stored, store


@dataclass(slots=True)
class PollResult:
    """The result of a poll.

    `asked` is false if no request was sent: the feed is not due, another program sends its codes,
    its game is off or has no feed, or its address or key cannot be decrypted.
    """

    asked: bool
    message: str
    ok: bool = True
    fresh_code_ids: list[int] = field(default_factory=list)


def poll(provider: str, *, force: bool = False) -> PollResult:
    """If the main feed of a game is due, ask it, and store what is new.

    The time of the next poll is set before the request is sent, so that neither a second Celery
    beat nor a worker that dies causes a second request.

    Args:
        provider: the game's name.
        force: whether to poll even if the feed is not due, because a person asked for it.

    Raises:
        KeyError: no game of this name is configured.
    """
    config = game(provider)
    if not config.has_feed:
        reason = config.why_off or f"{config.setting('feed_url')} is not set"
        return PollResult(False, f"{config.title} has no feed to poll: {reason}.", ok=False)
    return _poll(Feed.objects.main_of(provider).pk, config, force=force)


def poll_feed(feed_id: int, *, force: bool = False) -> PollResult:
    """If a feed is due, ask it, and store what is new. See `poll`.

    Raises:
        Feed.DoesNotExist: there is no such feed.
        KeyError: its game is no longer in the settings.
    """
    feed = Feed.objects.get(pk=feed_id)
    if feed.is_main:
        return poll(feed.provider, force=force)
    config = game(feed.provider)
    if feed.is_pushed:
        return PollResult(
            False, f"{feed} is not polled: another program sends its codes.", ok=False
        )
    if not config.is_on:
        return PollResult(False, f"{feed} is not polled: {config.why_off}.", ok=False)
    try:
        source = source_of(feed)
    except UnreadableFeedError:
        unreadable = FeedReading(FeedStatus.FAILED, error=Sentence.of("feed_not_decrypted"))
        failed = _store_failure(feed, unreadable, title=f"{config.title}, feed “{feed.name}”")
        return replace(failed, asked=False)
    return _poll(feed_id, source, force=force)


def receive(feed: Feed, codes: Sequence[PublishedCode]) -> Stored:
    """Store the codes that another program has sent for a feed."""
    now = database_now()
    stored = store(feed, codes, now=now, is_whole=False)
    feed.polled_at = feed.answered_at = now
    feed.failures, feed.error, feed.listed, feed.held = 0, "", len(codes), len(stored.held)
    feed.judged_from = feed.judged_from or feed.created_at
    feed.save(
        update_fields=[
            "polled_at",
            "answered_at",
            "failures",
            "error",
            "listed",
            "held",
            "judged_from",
        ]
    )
    return stored


def seconds_until_due() -> float | None:
    """How long no feed needs a poll: 0 if one is due, and None if no feed is polled."""
    on = providers_on()
    with_main = {name for name in on if game(name).has_feed}
    feeds = list(Feed.objects.filter(provider__in=on))
    mains = [feed for feed in feeds if feed.is_main and feed.provider in with_main]
    if len(mains) < len(with_main):
        return 0.0  # A feed that was never polled has no row.
    asked = [*mains, *(feed for feed in feeds if not feed.is_main and not feed.is_pushed)]
    now = database_now()
    waits = [(feed.next_poll_at - now).total_seconds() for feed in asked if feed.enabled]
    return max(0.0, min(waits)) if waits else None


def due_feeds(provider: str = "", *, force: bool = False) -> list[int]:
    """The ids of the added feeds that are due, in one statement.

    Args:
        provider: the game. Empty for all games that are on.
        force: whether feeds that are not due are included.
    """
    rows = Feed.objects.polled().filter(provider__in=[provider] if provider else providers_on())
    if not force:
        rows = rows.filter(next_poll_at__lte=Clock())
    return list(rows.order_by("next_poll_at", "pk").values_list("pk", flat=True))


def _poll(feed_id: int, config: ProviderConfig | FeedSource, *, force: bool) -> PollResult:
    feed = _claim(feed_id, config, force=force)
    if feed is None:
        return PollResult(False, f"{config.title}: the feed is not due yet.")
    with tracing.span("feed", feed_id=feed_id, provider=feed.provider):
        reading = fetch(
            config,
            etag=feed.etag,
            last_modified=feed.last_modified,
            total_seconds=settings.HTTP_SECONDS,
            connect_seconds=settings.HTTP_CONNECT_SECONDS,
        )
        tracing.note(status=reading.status.value)
    if reading.status is FeedStatus.FAILED:
        return _store_failure(feed, reading, title=config.title)
    return _store(feed, reading, config=config)


@transaction.atomic
def _claim(feed_id: int, config: ProviderConfig | FeedSource, *, force: bool) -> Feed | None:
    feed = Feed.objects.select_for_update().get(pk=feed_id)
    now = database_now()
    if not force and (not feed.enabled or feed.next_poll_at > now):
        return None
    feed.polled_at, feed.next_poll_at = now, now + dt.timedelta(seconds=config.poll_seconds)
    feed.save(update_fields=["polled_at", "next_poll_at"])
    return feed


def _store_failure(feed: Feed, reading: FeedReading, *, title: str) -> PollResult:
    """Record a failure, and back off. Codes are not changed."""
    delay = feed_delay_seconds(feed.failures + 1, jitter=random.random())  # noqa: S311
    delay = max(delay, reading.retry_after_seconds or 0.0)
    feed.failures += 1
    feed.error = reading.error or ""
    feed.next_poll_at = database_now() + dt.timedelta(seconds=delay)
    feed.save(update_fields=["failures", "error", "next_poll_at"])
    message = f"The poll of {title} failed: {english(feed.error)} It is repeated in {delay:.0f} s."
    log_lines.warning(message, failures=feed.failures)
    return PollResult(True, message, ok=False)


def _store(feed: Feed, reading: FeedReading, *, config: ProviderConfig | FeedSource) -> PollResult:
    now = database_now()
    is_same = reading.status is FeedStatus.NOT_MODIFIED
    stored = Stored() if is_same else store(feed, reading.codes, now=now)
    fields = ["failures", "error", "answered_at", "judged_from"]
    feed.failures, feed.error, feed.answered_at = 0, "", now
    feed.judged_from = feed.judged_from or now
    if not is_same:
        feed.listed, feed.skipped = len(reading.codes), reading.skipped_count
        feed.skipped_lines = [*reading.skipped, *reading.notes]
        feed.held = len(stored.held)
        # While codes wait, the next poll must get the whole list again.
        feed.etag = "" if stored.held else reading.etag[:200]
        feed.last_modified = "" if stored.held else reading.last_modified[:100]
        fields += ["listed", "skipped", "skipped_lines", "held", "etag", "last_modified"]
    feed.save(update_fields=fields)
    return PollResult(
        True, _message(config.title, reading, stored), fresh_code_ids=stored.fresh_code_ids
    )


def _message(title: str, reading: FeedReading, stored: Stored) -> str:
    if reading.status is FeedStatus.NOT_MODIFIED:
        return f"{title}: nothing has changed since the last poll."
    parts = [
        f"{len(reading.codes)} code(s) listed",
        f"{len(stored.new)} new",
        f"{stored.reopened} open again" if stored.reopened else "",
        f"{len(stored.proposed)} wait for an administrator" if stored.proposed else "",
        f"{len(stored.held)} wait for their turn" if stored.held else "",
        f"{reading.skipped_count} line(s) skipped" if reading.skipped_count else "",
    ]
    return f"{title}: {', '.join(part for part in parts if part)}."
