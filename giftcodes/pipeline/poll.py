"""Poll a feed: retrieve it, decide what is new, and store that. `decide` is a pure function."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field
from enum import StrEnum

from django.conf import settings
from django.db import transaction

from giftcodes.clients.feeds import FeedReading, FeedStatus, PublishedCode, fetch
from giftcodes.clients.games.config import ProviderConfig
from giftcodes.domain import log_lines
from giftcodes.domain.backoff import feed_delay_seconds
from giftcodes.models import (
    CodeState,
    EventKind,
    Feed,
    GiftCode,
    RedemptionEvent,
    Source,
    Trigger,
    database_now,
)
from giftcodes.models.code_spellings import REOPENED_FIELDS
from giftcodes.models.deadline import believed, day_of
from giftcodes.models.games import game
from giftcodes.models.start_rules import providers_on


class FeedLineKind(StrEnum):
    """What a line of the feed says, compared with what is known about its code."""

    NEW = "new"
    KNOWN = "known"
    REDATED = "redated"
    REISSUED = "reissued"
    RESPELLED = "respelled"


@dataclass(slots=True)
class PollResult:
    """The result of a poll.

    `asked` is false if no request was sent, because the feed is not due or the game has no feed.
    """

    asked: bool
    message: str
    ok: bool = True
    fresh_code_ids: list[int] = field(default_factory=list)


def decide(published: PublishedCode, known: GiftCode | None) -> FeedLineKind:
    """Compare one line of the feed with the newest issue of its code (None: the code is new)."""
    if known is None:
        return FeedLineKind.NEW
    if known.state == CodeState.DELETED:
        return FeedLineKind.KNOWN
    day = believed(published.published_on)
    is_later = day is not None and day > day_of(known.published_on, known.first_seen_at)
    if known.state == CodeState.CLOSED and is_later:
        return FeedLineKind.REISSUED
    if known.can_take(published.code, is_person=False):
        return FeedLineKind.RESPELLED
    if known.state == CodeState.CLOSED:
        return FeedLineKind.KNOWN
    return FeedLineKind.REDATED if is_later else FeedLineKind.KNOWN


def poll(provider: str, *, force: bool = False) -> PollResult:
    """If a feed is due, ask it, and store what is new.

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
        reason = f"{provider.upper()}_FEED_URL" if config.is_on else f"{provider.upper()}_SALT"
        return PollResult(
            False, f"{config.title} has no feed to poll: {reason} is not set.", ok=False
        )
    feed = _claim(config, force=force)
    if feed is None:
        return PollResult(False, f"The feed of {config.title} is not due yet.")
    reading = fetch(
        config,
        etag=feed.etag,
        last_modified=feed.last_modified,
        total_seconds=settings.HTTP_SECONDS,
        connect_seconds=settings.HTTP_CONNECT_SECONDS,
    )
    if reading.status is FeedStatus.FAILED:
        return _store_failure(feed, reading, title=config.title)
    return _store(feed, reading, config=config)


def seconds_until_due() -> float | None:
    """How long no feed needs a poll: 0 if one is due, and None if no feed is polled."""
    names = [name for name in providers_on() if game(name).has_feed]
    feeds = Feed.objects.filter(pk__in=names)
    if len(feeds) < len(names):
        return 0.0  # A feed that was never polled has no row.
    now = database_now()
    waits = [(feed.next_poll_at - now).total_seconds() for feed in feeds if feed.enabled]
    return max(0.0, min(waits)) if waits else None


@transaction.atomic
def _claim(config: ProviderConfig, *, force: bool) -> Feed | None:
    Feed.objects.get_or_create(provider=config.name)
    feed = Feed.objects.select_for_update().get(pk=config.name)
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
    feed.error = reading.error
    feed.next_poll_at = database_now() + dt.timedelta(seconds=delay)
    feed.save(update_fields=["failures", "error", "next_poll_at"])
    message = f"The feed of {title} failed: {reading.error} It is asked again in {delay:.0f} s."
    log_lines.warning(message, failures=feed.failures)
    return PollResult(True, message, ok=False)


def _store(feed: Feed, reading: FeedReading, *, config: ProviderConfig) -> PollResult:
    now = database_now()
    fresh = (
        []
        if reading.status is FeedStatus.NOT_MODIFIED
        else _store_codes(reading, provider=config.name, now=now)
    )
    fields = ["failures", "error", "answered_at"]
    feed.failures, feed.error, feed.answered_at = 0, "", now
    if reading.status is not FeedStatus.NOT_MODIFIED:
        feed.listed, feed.skipped = len(reading.codes), reading.skipped_count
        feed.skipped_lines = "\n".join([*reading.skipped, *reading.notes])
        feed.etag, feed.last_modified = reading.etag[:200], reading.last_modified[:100]
        fields += ["listed", "skipped", "skipped_lines", "etag", "last_modified"]
    feed.save(update_fields=fields)
    skipped = f", {reading.skipped_count} line(s) skipped" if reading.skipped_count else ""
    message = f"{config.title}: {len(reading.codes)} code(s) listed, {len(fresh)} new{skipped}."
    if reading.status is FeedStatus.NOT_MODIFIED:
        message = f"{config.title}: nothing has changed since the last poll."
    return PollResult(True, message, fresh_code_ids=fresh)


@transaction.atomic
def _store_codes(reading: FeedReading, *, provider: str, now: dt.datetime) -> list[int]:
    """Store each line. A code that is no longer listed stays as it is.

    Returns:
        The ids of the codes to fan out.
    """
    known = GiftCode.objects.latest_issues(
        provider, [line.code.casefold() for line in reading.codes]
    )
    fresh: list[GiftCode] = []
    again: list[int] = []
    for line in reading.codes:
        existing = known.get(line.code.casefold())
        match decide(line, existing):
            case FeedLineKind.NEW:
                fresh.append(_new(line, provider=provider, issue=1, now=now))
            case FeedLineKind.REISSUED:
                assert existing is not None
                fresh.append(_new(line, provider=provider, issue=existing.issue + 1, now=now))
            case FeedLineKind.REDATED:
                GiftCode.objects.filter(pk=existing.pk).update(published_on=line.published_on)  # type: ignore[union-attr]
            case FeedLineKind.RESPELLED | FeedLineKind.KNOWN:
                assert existing is not None
                if _begin_again(existing, line, now=now):
                    again.append(existing.pk)
                else:
                    _respell(existing, line, now=now)
    extended = _follow_ends(reading, known, now=now)
    GiftCode.objects.bulk_create(fresh, ignore_conflicts=True)
    GiftCode.objects.filter(pk__in=[row.pk for row in known.values()]).update(last_seen_at=now)
    for code in fresh:
        log_lines.info(
            f"🆕 New code {code} in the feed. {code.reason}".rstrip(),
            provider=provider,
            published=str(code.published_on or "unknown"),
        )
    newest = GiftCode.objects.latest_issues(provider, [code.folded for code in fresh])
    return sorted(
        {*(row.pk for row in newest.values() if row.state == CodeState.ACTIVE), *extended, *again}
    )


def _follow_ends(
    reading: FeedReading, known: dict[str, GiftCode], *, now: dt.datetime
) -> list[int]:
    """Store the ends that the feed gives for known codes, unless a person set one (`takes_end`).

    Returns:
        The ids of the codes that are open again because the feed has extended their end.
    """
    extended: list[int] = []
    for line in reading.codes:
        code = known.get(line.code.casefold())
        if code is None or line.expires_at is None or not code.takes_end(line.expires_at, now):
            continue
        if decide(line, code) is FeedLineKind.REISSUED:
            continue
        # `takes_end` is checked again under the row lock: a person may be setting the end just now.
        code = GiftCode.objects.select_for_update(no_key=True).get(pk=code.pk)
        if not code.takes_end(line.expires_at, now):
            continue
        if code.ended_by_feed:
            code.reopen(now)
            extended.append(code.pk)
            RedemptionEvent.objects.create(
                gift_code=code, kind=EventKind.CODE_REOPENED, trigger=Trigger.POLL
            )
            log_lines.info(
                f"🔁 Code {code} is open again: the feed has extended it.", code=str(code)
            )
        code.expires_at = code.feed_end = line.expires_at
        code.save(
            update_fields=REOPENED_FIELDS if code.pk in extended else ["expires_at", "feed_end"]
        )
    return extended


def _begin_again(known: GiftCode, line: PublishedCode, *, now: dt.datetime) -> bool:
    """Reopen a code that people typed too early or wrong, when the feed first lists it.

    If it stayed closed, one officer's guess could use up the tries of the real code for all guilds.

    Returns:
        Whether the code was reopened.
    """
    if not known.is_news_to_feed():
        return False
    code = GiftCode.objects.select_for_update(no_key=True).get(pk=known.pk)
    if not code.is_news_to_feed():
        return False
    code.begin_again(line.code, list(line.other_spellings), now=now)
    RedemptionEvent.objects.create(
        gift_code=code, kind=EventKind.CODE_REOPENED, trigger=Trigger.POLL
    )
    log_lines.info(f"🔁 Code {code} is open again: the feed has it now.", code=str(code))
    known.refresh_from_db()
    return True


def _respell(known: GiftCode, line: PublishedCode, *, now: dt.datetime) -> None:
    """Add those spellings of a line that are new to the known code."""
    for spelling in (line.code, *line.other_spellings):
        if not known.can_take(spelling, is_person=False):
            continue
        code = GiftCode.objects.select_for_update(no_key=True).get(pk=known.pk)
        if code.can_take(spelling, is_person=False):
            code.take_spelling(spelling, is_person=False, now=now)
            log_lines.info(f"🔡 The feed lists code {code} as {spelling}, too.", code=str(code))


def _new(line: PublishedCode, *, provider: str, issue: int, now: dt.datetime) -> GiftCode:
    code = GiftCode(
        provider=provider,
        code=line.code,
        folded=line.code.casefold(),
        other_spellings=list(line.other_spellings),
        issue=issue,
        source=Source.FEED,
        published_on=line.published_on,
        expires_at=line.expires_at,
        feed_end=line.expires_at,
        first_seen_at=now,
        last_seen_at=now,
    )
    if line.expires_at is not None and line.expires_at <= now:
        # The code is kept, so that people see it and a later end can reopen it. The game is not
        # asked.
        ended = f"It had ended at {line.expires_at:%Y-%m-%d %H:%M} UTC, as the feed says, "
        code.close(f"{ended}when it was first seen. It was not redeemed.", outcome=None, now=now)
    return code
