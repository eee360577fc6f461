"""All checks of one game: its salt, its service, its answer, a pause, and its feed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from django.conf import settings

from giftcodes.clients.feeds import FeedStatus, fetch
from giftcodes.clients.games.config import ProviderConfig
from giftcodes.models import RateBudget, database_now
from giftcodes.services import feeds
from giftcodes.services.provider_requests import Finding, check_game, check_service

_NOT_ASKED = Finding(
    None,
    "no code was tried, because the service is down. It is not known whether the salt is right.",
)


def check_provider(
    config: ProviderConfig, *, during: Callable[[str], AbstractContextManager[Any]]
) -> Iterator[tuple[str, Finding]]:
    """Run the checks that apply to a game, and yield each one's name and finding.

    This sends at most two requests to the game and one to the feed.

    Args:
        config: the game.
        during: takes a check's name, and returns a context manager in which the check runs, such as
            a spinner.
    """
    is_down = False
    for name, check in _CHECKS.items():
        with during(name):
            finding = _NOT_ASKED if is_down and check is _check_game else check(config)
        if finding is not None:
            is_down = is_down or finding.is_down
            yield name, finding


def _check_salt(config: ProviderConfig) -> Finding:
    name = f"{config.name.upper()}_SALT"
    if config.salt:
        return Finding(True, f"{name} is set.")
    return Finding(
        False,
        f"{name} is not set: the game is off. Put it into .env (README, “Connect the real game”).",
    )


def _check_service(config: ProviderConfig) -> Finding | None:
    return check_service(config) if config.is_on else None


def _check_game(config: ProviderConfig) -> Finding | None:
    if config.salt and not config.api_url:
        return Finding(False, f"{config.name.upper()}_API_URL is not set.")
    return check_game(config) if config.is_on else None


def _check_pause(config: ProviderConfig) -> Finding | None:
    budget = RateBudget.objects.filter(pk=config.name).first()
    if budget is None or not budget.pause_kind:
        return None
    if budget.paused_until is None:
        return Finding(False, f"paused until it is resumed in the admin: {budget.pause_reason}")
    seconds = max(0.0, (budget.paused_until - database_now()).total_seconds())
    return Finding(
        False, f"{budget.pause_reason} Paused. In {seconds:.0f} s one request tests the game."
    )


def _check_feed(config: ProviderConfig) -> Finding | None:
    if not config.feed_url:
        return Finding(None, f"{config.name.upper()}_FEED_URL is not set: codes are added by hand.")
    feeds.wait_for_feed(config.name)
    feeds.note_asked(config.name)
    answer = fetch(
        config, total_seconds=settings.HTTP_SECONDS, connect_seconds=settings.HTTP_CONNECT_SECONDS
    )
    if answer.status is FeedStatus.FAILED:
        return Finding(False, answer.error)
    skipped = f"; {answer.skipped_count} line(s) could not be read" if answer.skipped_count else ""
    return Finding(True, f"{len(answer.codes)} code(s) listed{skipped}.")


#: The checks run in this order, because the result of an earlier one explains that of a later one.
_CHECKS: dict[str, Callable[[ProviderConfig], Finding | None]] = {
    "Salt": _check_salt,
    "Service": _check_service,
    "Game": _check_game,
    "Pause": _check_pause,
    "Feed": _check_feed,
}
