"""The pace of each game in words: how fast requests are sent, and when the next one is."""

from __future__ import annotations

from typing import Any

from django.db.models import Count
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from giftcodes.admin.common.html import list_url, model_url
from giftcodes.estimates.formatting import pace_words
from giftcodes.models import Feed, Guild, PauseKind, RateBudget
from giftcodes.queries import scope
from giftcodes.queries.connections import MANY_FAILURES, ConnectionState


def games_of(games: list[dict[str, Any]], person: Any) -> list[dict[str, Any]]:
    """The games that a person may see, in one SQL statement.

    An officer sees only the games of their own guilds. The feed and the links are for operators, so
    officers do not see them. They do not see the numbers of requests either, because these tell
    what other guilds do. For everyone, games that are off and that no guild plays are left out.

    Args:
        games: the value `providers` of `queries.overview`.
        person: the person who looks at them.
    """
    active = scope.visible(Guild.objects.active(), person).order_by()
    guilds = dict(active.values_list("provider").annotate(number=Count("pk")))
    sees_all = scope.sees_all(person)
    shown = [game for game in games if guilds.get(game["name"]) or (sees_all and game["is_on"])]
    return [
        {
            **_game(game, guilds.get(game["name"], 0), sees_all=sees_all),
            "connect_url": reverse("admin:connect_one_game", args=[game["name"]])
            if person.is_superuser
            else "",
        }
        for game in shown
    ]


def _game(game: dict[str, Any], guilds: int, *, sees_all: bool) -> dict[str, Any]:
    found = {
        **game,
        "guilds": guilds,
        **_feeds_of(game),
        "is_foreign": not sees_all,
        "is_by_person": bool(game["pause"]) and game["pause"]["kind"] == PauseKind.OPERATOR,
        "pace": pace_words(game["budget"]),
    }
    if not sees_all:
        # The queue and the used requests would show what other guilds do.
        return {**found, "feed": None, "added_feeds": [], "queue": None, "budget": None}
    return {
        **found,
        "waiting": _waiting(game),
        "next_at": _next_at(game),
        "url": model_url(RateBudget, "change", game["name"]),
        "feed_url": _feed_url(game["feed"]),
        "feeds": [{**one, "url": _feed_url(one)} for one in game["added_feeds"]],
    }


def _feeds_of(game: dict[str, Any]) -> dict[str, bool]:
    """What the feeds of a game do: whether new codes start without a person, or no feed works.

    A feed that is switched off does not count. Without a good answer, an added feed may have a
    wrong address or, as a webhook, no token, so it does not count as working.
    """
    main = game["feed"]
    is_failing = game["connection"]["state"] == ConnectionState.FEED_FAILS
    working = [main] if main and main["is_polled"] and not is_failing else []
    for feed in game["added_feeds"]:
        has_worked = feed["answered_at"] is not None
        if feed["is_polled"] and feed["failures"] >= (MANY_FAILURES if has_worked else 1):
            is_failing = True
        elif feed["is_polled"] and has_worked:
            working.append(feed)
    return {
        "starts_codes": any(feed["is_trusted"] for feed in working),
        "feeds_fail": is_failing and not working,
    }


def _feed_url(feed: dict[str, Any] | None) -> str:
    """The page of a feed, or the list if the feed was never polled and so has no row."""
    return model_url(Feed, "change", feed["id"]) if feed and feed["id"] else list_url(Feed)


def _waiting(game: dict[str, Any]) -> str:
    """How many requests wait, such as `12 requests wait: about 3 min.`"""
    queue = game["queue"]
    number = queue["requests"]
    if not number:
        return _("No request waits.")
    words = ngettext("%(number)d request waits", "%(number)d requests wait", number)
    first = words % {"number": number}
    return _("%(first)s: %(time)s.") % {"first": first, "time": queue["words"]}


def _next_at(game: dict[str, Any]) -> str | None:
    """When the next request is sent, if requests wait and the window is used up; else None."""
    budget = game["budget"]
    is_full = budget["limit"] is not None and budget["used"] >= budget["limit"]
    return budget["window_ends_at"] if is_full and game["queue"]["requests"] else None
