"""The runs that are under way, and those that ended last."""

from __future__ import annotations

from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from giftcodes.admin.common.html import (
    list_url,
    model_url,
    page_url,
    result_badge,
    served_bar,
    served_parts,
)
from giftcodes.domain.served import SIGNS, Served, Share, Tone
from giftcodes.models import EventKind, Redemption, RedemptionEvent, RunState
from giftcodes.queries import scope
from giftcodes.queries.recent_ends import EndKind, Members, RecentEnd, recent_ends

#: The maximum number of entries about runs that ended.
ENDS_SHOWN = 5


def running(now: dict[str, Any], games: list[dict[str, Any]], *, most: int) -> dict[str, Any]:
    """The runs that are under way, and the numbers of waiting redemptions and refused starts.

    Args:
        now: the state of the system (`queries.overview`), for one person.
        games: the games that the person may see (`games_of`).
        most: the maximum number of runs in `now`.
    """
    runs = [_run(run) for run in now["running"]]
    # An officer without a guild sees no games, although some are connected.
    sees_games = games or not any(game["is_on"] for game in now["providers"])
    number = now["redemptions"][RunState.RUNNING.value]
    return {
        "runs": runs,
        "idle_words": idle_words(games) if sees_games else _("Nothing is running now."),
        "runs_more": max(number - len(runs), 0) if len(runs) >= most else 0,
        "runs_url": list_url(Redemption, state__exact=RunState.RUNNING.value),
        "waiting": now["redemptions"][RunState.PENDING.value],
        "waiting_url": list_url(Redemption, state__exact=RunState.PENDING.value),
        "refused": now["refused_last_24_h"],
        "refused_url": list_url(RedemptionEvent, kind__exact=EventKind.REFUSED.value),
    }


def idle_words(games: list[dict[str, Any]], *, is_automatic: bool = True) -> str:
    """What to say if nothing runs: whether the next code will start, or what prevents it.

    Args:
        games: the games that the person may see (`games_of`).
        is_automatic: whether new codes start automatically.
    """
    words = _("Nothing is running now.")
    return f"{words} {_next_start(games, is_automatic=is_automatic)}"


def _next_start(games: list[dict[str, Any]], *, is_automatic: bool) -> str:
    connected = [game for game in games if game["is_on"]]
    if not connected and len(games) == 1:
        return _("No code is redeemed until the game is connected.")
    if not connected:
        return _("No code is redeemed until a game is connected.")
    played = [game for game in connected if game["guilds"]]
    if not played:
        return _("No code is redeemed until there is an active guild.")
    usable = [game for game in played if not _cannot_be_used(game)]
    if not usable:
        return _("No code starts until the game can be used again.")
    if not is_automatic:
        return _("Codes of this guild start when you press “Redeem now”.")
    if any(game["starts_codes"] for game in usable):
        return _("The next code starts automatically.")
    if any(game["feeds_fail"] for game in usable):
        return _(
            "The feed fails, so new codes are not found. A code that a person adds starts "
            "automatically."
        )
    return _("Codes are added by hand. The next one starts automatically.")


def _cannot_be_used(game: dict[str, Any]) -> bool:
    return bool(game["pause"]) or game["connection"]["state"] == "unreachable"


def _run(run: dict[str, Any]) -> dict[str, Any]:
    """A run with its address, its progress and its counts."""
    served = Served(**{share.value: run["served"][share.value] for share in Share})
    return {
        **run,
        "url": model_url(Redemption, "change", run["id"]),
        "numbers": served,
        "bar": served_bar(served),
        "parts": served_parts(served),
    }


def ended(person: Any) -> list[dict[str, Any]]:
    """The runs that ended last in a person's guilds, in four SQL statements at most."""
    found = recent_ends(scope.visible(Redemption.objects.all(), person), most=ENDS_SHOWN)
    return [_end(end) for end in found]


def _end(end: RecentEnd) -> dict[str, Any]:
    if end.kind is EndKind.CODE:
        return _end_of_code(end)
    guild = end.redemptions[0].guild
    entry = {
        "title": ngettext("%d code", "%d codes", end.codes) % end.codes,
        "about": guild,
        "at": end.at,
        "url": list_url(Redemption, guild__id__exact=guild.pk),
        "badge": _badge_of_several(end),
        "words": _members_words(end.members, codes=end.codes),
    }
    if end.kind is EndKind.GUILD:
        return {**entry, "note": _("for new members of") if end.is_for_new else ""}
    if end.guilds == 1:
        return {**entry, "note": _("asked again for members of")}
    words = ngettext(
        "asked again for members of %d guild", "asked again for members of %d guilds", end.guilds
    )
    return {**entry, "note": words % end.guilds, "about": None, "url": list_url(Redemption)}


def _members_words(members: Members, *, codes: int) -> str:
    """How many members have all of these codes, such as `41 of 41 have them`."""
    if codes == 1:
        return Served(has=members.having, cannot=members.total - members.having).words
    words = ngettext(
        "%(has)d of %(total)d has them", "%(has)d of %(total)d have them", members.total
    )
    return words % {"has": members.having, "total": members.total}


def _end_of_code(end: RecentEnd) -> dict[str, Any]:
    """The entry for a code whose runs have ended, for one guild or for several."""
    first = end.redemptions[0]
    is_one = end.guilds == 1
    guilds = ngettext("for %d guild", "for %d guilds", end.guilds) % end.guilds
    served = end.served
    return {
        "title": first.gift_code,
        "about": first.guild if is_one else None,
        "note": "" if is_one else guilds,
        "at": end.at,
        "url": page_url(first) if is_one else page_url(first.gift_code),
        "badge": result_badge(end.result),
        "words": served.words,
        "rest": served.rest,
    }


def _several_words(end: RecentEnd) -> tuple[str, str]:
    """The words for “all members” and for “none”, for one code or for several."""
    if end.codes == 1:
        return _("everyone has it"), _("nobody got it")
    return _("everyone has them"), _("nobody got one")


def _badge_of_several(end: RecentEnd) -> SafeString:
    """The result of several codes in words, in the tone that `RecentEnd.tone` chooses."""
    members, tone = end.members, end.tone
    all_words, none_words = _several_words(end)
    if tone is Tone.GOOD:
        words = all_words
    elif not members.having_some:
        words = none_words
    else:
        words = _("some members need you") if members.needing_you else _("done")
    return format_html(
        '<span class="badge tone-{}"><span aria-hidden="true">{}</span> {}</span>',
        tone,
        SIGNS[tone],
        words,
    )
