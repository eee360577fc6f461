"""Whether each game is connected: what the settings, the last test and the last answers show."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from giftcodes.clients.games.config import ProviderConfig
from giftcodes.domain.findings import Topic
from giftcodes.models import ConnectionCheck, Feed, PauseKind, RateBudget, database_now
from giftcodes.models.feed import FeedKind
from giftcodes.models.games import games


class ConnectionState(StrEnum):
    CONNECTED = "connected"
    TESTING = "testing"
    UNTESTED = "untested"
    FEED_FAILS = "feed_fails"
    UNREACHABLE = "unreachable"
    OFF = "off"

    @property
    def label(self) -> str | Promise:
        """The state in words."""
        return _LABELS[self]


_LABELS = {
    ConnectionState.CONNECTED: _("connected"),
    ConnectionState.TESTING: _("being tested"),
    ConnectionState.UNTESTED: _("not tested yet"),
    ConnectionState.FEED_FAILS: _("connected, but its feed fails"),
    ConnectionState.UNREACHABLE: _("cannot be used"),
    ConnectionState.OFF: _("not connected"),
}

#: A feed that has worked counts as failing only after this many failures in a row. The next poll
#: usually mends a single one.
MANY_FAILURES = 3
#: The colour of each state, for pages.
STATE_BADGES = {
    ConnectionState.CONNECTED: "on",
    ConnectionState.TESTING: "running",
    ConnectionState.UNTESTED: "stop",
    ConnectionState.FEED_FAILS: "stop",
    ConnectionState.UNREACHABLE: "failed",
    ConnectionState.OFF: "off",
}

#: How sentences for people name the settings.
NAMES = {
    "salt": _("the salt"),
    "api_url": _("the game's address"),
    "feed_url": _("the feed's address"),
    "feed_key": _("the feed's key"),
}


@dataclass(frozen=True, slots=True)
class Connection:
    """The connection of a game.

    Args:
        config: the game's configuration.
        state: whether it is connected.
        reason: why it cannot be used, why its feed fails, or why it is not connected. Empty in all
            other states.
        at: the time of the last test or of the last known answer, if the state comes from it.
        check: the last test, if it was made with this configuration.
    """

    config: ProviderConfig
    state: ConnectionState
    reason: str
    at: dt.datetime | None
    check: ConnectionCheck | None


def connections() -> list[Connection]:
    """The connection of each game, in the order of the settings, in four statements."""
    return connections_at(database_now(), RateBudget.objects.in_bulk())


def connections_at(now: dt.datetime, budgets: Mapping[str, RateBudget]) -> list[Connection]:
    """The connection of each game, in two statements.

    Args:
        now: the database's time.
        budgets: the budget of each game that has one.
    """
    checks, feeds = ConnectionCheck.objects.in_bulk(), Feed.objects.mains()
    return [
        _connection(config, checks.get(name), budgets.get(name), feeds.get(name), now)
        for name, config in games().items()
    ]


def connection_of(config: ProviderConfig) -> Connection:
    """The connection of one game, in four statements.

    Args:
        config: the game as it is configured now.
    """
    budget = RateBudget.objects.filter(pk=config.name).first()
    return connection_at(config, database_now(), budget)


def connection_at(
    config: ProviderConfig, now: dt.datetime, budget: RateBudget | None
) -> Connection:
    """The connection of one game, in two statements."""
    check = ConnectionCheck.objects.filter(pk=config.name).first()
    feed = Feed.objects.filter(provider=config.name, kind=FeedKind.MAIN).first()
    return _connection(config, check, budget, feed, now)


def _connection(
    config: ProviderConfig,
    check: ConnectionCheck | None,
    budget: RateBudget | None,
    feed: Feed | None,
    now: dt.datetime,
) -> Connection:
    if check is not None and not check.is_about(config):
        check = None
    state, reason, at = _state(config, check, budget, now)
    if state is ConnectionState.CONNECTED and (error := _feed_error(config, check, feed)):
        state, reason = ConnectionState.FEED_FAILS, error
    return Connection(config, state, str(reason), at, check)


def _state(
    config: ProviderConfig,
    check: ConnectionCheck | None,
    budget: RateBudget | None,
    now: dt.datetime,
) -> tuple[ConnectionState, str | Promise, dt.datetime | None]:
    if not config.is_on:
        return ConnectionState.OFF, _why_off(config), None
    if check is not None and check.is_under_way(now):
        return ConnectionState.TESTING, "", None
    answered_at = budget.last_answer_at if budget else None
    tested_at = check.finished_at if check is not None and check.is_good is not None else None
    if check is not None and tested_at and (answered_at is None or tested_at >= answered_at):
        if check.is_good:
            return ConnectionState.CONNECTED, "", tested_at
        trouble = check.trouble
        return ConnectionState.UNREACHABLE, trouble.words_with(NAMES) if trouble else "", tested_at
    if budget is not None and budget.pause_kind not in (PauseKind.NONE, PauseKind.OPERATOR):
        return ConnectionState.UNREACHABLE, budget.pause_reason, answered_at
    if answered_at is not None:
        return ConnectionState.CONNECTED, "", answered_at
    return ConnectionState.UNTESTED, "", None


def _feed_error(config: ProviderConfig, check: ConnectionCheck | None, feed: Feed | None) -> str:
    """Why the feed fails: by the last test or the polls, whichever is newer. Empty if it works."""
    if not config.has_feed or (feed is not None and not feed.enabled):
        return ""
    polled_at = feed.polled_at if feed is not None else None
    tested_at = check.finished_at if check is not None else None
    if check is not None and tested_at and (polled_at is None or tested_at >= polled_at):
        for topic, finding in check.found:
            if topic is Topic.FEED and finding.ok is not None:
                return "" if finding.ok else finding.words
    if feed is None or feed.failures < (MANY_FAILURES if feed.answered_at else 1):
        return ""
    return feed.error


def _why_off(config: ProviderConfig) -> str | Promise:
    if not config.is_enabled:
        return _("It is switched off.")
    if not config.salt:
        return _("It has no salt, which signs the requests.")
    return _("It has no address.")
