"""All checks of one game: its salt, its service, its answer, a pause, and its feed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.conf import settings

from giftcodes.clients.feeds import FeedStatus, fetch
from giftcodes.clients.games.config import ProviderConfig
from giftcodes.domain.findings import Finding, FindingKind, Topic
from giftcodes.models import Feed, RateBudget, database_now
from giftcodes.services import feeds
from giftcodes.services.provider_requests import check_game, check_service


def check_provider(
    config: ProviderConfig,
    *,
    during: Callable[[str], AbstractContextManager[Any]] = nullcontext,
    may_wait: bool = True,
) -> Iterator[tuple[Topic, Finding]]:
    """Run the checks that apply to a game, and yield the topic and the finding of each.

    This sends at most two requests to the game and one to the feed.

    Args:
        config: the game.
        during: takes a topic, and returns a context manager in which the check runs, such as a
            spinner.
        may_wait: whether to wait, three seconds at most, until the feed may be asked. If not, and
            the feed may not be asked at once, its last answer is the finding.
    """
    is_down = False
    for topic, check in _CHECKS.items():
        with during(topic):
            if is_down and check is _check_game:
                finding: Finding | None = Finding(FindingKind.NOT_TRIED)
            elif check is _check_feed:
                finding = _check_feed(config) if may_wait else _check_feed_now(config)
            else:
                finding = check(config)
        if finding is not None:
            is_down = is_down or finding.is_down
            yield topic, finding


def _check_salt(config: ProviderConfig) -> Finding:
    if not config.is_enabled:
        return Finding.of(FindingKind.GAME_OFF, on=config.setting("is_enabled"))
    kind = FindingKind.SALT_SET if config.salt else FindingKind.SALT_MISSING
    return Finding.of(kind, salt=config.setting("salt"))


def _check_service(config: ProviderConfig) -> Finding | None:
    return check_service(config) if config.is_on else None


def _check_game(config: ProviderConfig) -> Finding | None:
    if config.salt and not config.api_url:
        return Finding.of(FindingKind.NO_ADDRESS, api_url=config.setting("api_url"))
    return check_game(config) if config.is_on else None


def _check_pause(config: ProviderConfig) -> Finding | None:
    budget = RateBudget.objects.filter(pk=config.name).first()
    if budget is None or not budget.pause_kind:
        return None
    if budget.paused_until is None:
        return Finding.of(FindingKind.PAUSED, reason=budget.pause_reason)
    seconds = max(0.0, (budget.paused_until - database_now()).total_seconds())
    return Finding.of(
        FindingKind.PAUSED_UNTIL, reason=budget.pause_reason, seconds=f"{seconds:.0f}"
    )


def _check_feed(config: ProviderConfig) -> Finding:
    if config.feed_url:
        feeds.wait_for_feed(config.name)
    return _ask_feed(config)


def _check_feed_now(config: ProviderConfig) -> Finding:
    """If the feed may be asked now, ask it. If not, take what its last poll found."""
    if not config.feed_url or feeds.may_ask(config.name):
        return _ask_feed(config)
    feed = Feed.objects.main_of(config.name)
    if feed.failures:
        return Finding.of(FindingKind.FEED_FAILED, error=feed.error)
    if feed.answered_at is None or feed.polled_at is None or feed.answered_at < feed.polled_at:
        return Finding(FindingKind.FEED_BUSY)
    return _listed(feed.listed, feed.skipped)


def _ask_feed(config: ProviderConfig) -> Finding:
    if not config.feed_url:
        return Finding.of(FindingKind.NO_FEED, feed_url=config.setting("feed_url"))
    feeds.note_asked(config.name)
    answer = fetch(
        config, total_seconds=settings.HTTP_SECONDS, connect_seconds=settings.HTTP_CONNECT_SECONDS
    )
    if answer.status is FeedStatus.FAILED:
        return Finding.of(FindingKind.FEED_FAILED, error=answer.error)
    return _listed(len(answer.codes), answer.skipped_count)


def _listed(number: int, skipped: int) -> Finding:
    if skipped:
        return Finding.of(FindingKind.FEED_SKIPS, number=number, skipped=skipped)
    return Finding.of(FindingKind.FEED_LISTS, number=number)


#: The checks run in this order, because the result of an earlier one explains that of a later one.
_CHECKS: dict[Topic, Callable[[ProviderConfig], Finding | None]] = {
    Topic.SALT: _check_salt,
    Topic.SERVICE: _check_service,
    Topic.GAME: _check_game,
    Topic.PAUSE: _check_pause,
    Topic.FEED: _check_feed,
}
