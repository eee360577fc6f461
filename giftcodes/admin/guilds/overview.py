"""The tab “Overview” of a guild: what needs a person, what runs, the recent codes, and the game."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import CharField, Q
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext as _

from giftcodes.admin.common import corrected
from giftcodes.admin.common.html import (
    guild_url,
    list_url,
    page_url,
    result_badge,
    served_bar,
    served_parts,
)
from giftcodes.admin.common.live import BUSY_SECONDS, IDLE_SECONDS
from giftcodes.admin.common.served import advice_once
from giftcodes.admin.guilds import joining
from giftcodes.admin.guilds.channel_state import states_of
from giftcodes.admin.home.corrections import correction_of, guild_correction_of
from giftcodes.admin.home.games import games_of
from giftcodes.admin.home.runs import idle_words
from giftcodes.admin.home.undo_links import undo_links
from giftcodes.domain.served import Tone
from giftcodes.estimates import formatting
from giftcodes.estimates.queue_snapshot import Outlooks, read_outlooks
from giftcodes.models import (
    Alarm,
    GiftCode,
    Guild,
    Member,
    MemberRedemption,
    Redemption,
    RunState,
)
from giftcodes.models.alarm import SUBJECT_MODELS, without_empty_guilds
from giftcodes.models.game_words import place_word
from giftcodes.need_words import guild_advice
from giftcodes.notifications.causes import UNCORRECTED_FOR
from giftcodes.queries.guild_board import daily, runs_of, unclear, waiting_requests
from giftcodes.queries.needs import guilds_to_correct
from giftcodes.queries.overview import game_now

if TYPE_CHECKING:
    from django.http import HttpRequest

    from giftcodes.admin.guilds.channel_state import ChannelState
    from giftcodes.queries.served import RedemptionServed

#: How many members, codes, runs and alarms the tab shows. Links lead to the others.
MEMBERS_SHOWN = 5
CODES_SHOWN = 8
RUNS_SHOWN = 8
ALARMS_SHOWN = 5

TEMPLATE = "admin/giftcodes/guild/overview.html"
#: The parts of the tab that update without a reload.
PARTS = {
    name: f"admin/giftcodes/guild/{name}.html"
    for name in ("redeem", "needs", "running", "recent", "game", "facts")
}
#: Alarms that repeat what the tab shows anyway.
_SHOWN_ANYWAY = (Alarm.Kind.UNCORRECTED, Alarm.Kind.NO_MEMBERS)


def context(request: HttpRequest, guild: Guild) -> dict[str, Any]:
    """The context of the tab, in a fixed number of queries.

    Args:
        request: the request of a person who may see the guild.
        guild: the guild, with `members_number` from the admin's queryset.
    """
    shown = live_context(request, guild)
    return {
        **shown,
        "has_needs": _has_needs(shown),
        "template": TEMPLATE,
        "parts": PARTS,
        "again_in_seconds": again_in_seconds(shown),
    }


def live_context(request: HttpRequest, guild: Guild) -> dict[str, Any]:
    """The context of the parts that are updated without a reload.

    Args:
        request: the request of a person who may see the guild.
        guild: the guild, with `members_number` from the admin's queryset.
    """
    outcomes = corrected.outcomes(request, guild=guild)
    return {**board(request.user, guild), "outcomes": outcomes}


def _has_needs(shown: dict[str, Any]) -> bool:
    """Whether the tab lists something that needs a person."""
    named = ("to_correct", "unclear", "waiting_requests", "silent_channels")
    return any(shown.get(name) for name in named) or bool(shown["alarms"]["lines"])


def again_in_seconds(shown: dict[str, Any]) -> float:
    """The seconds until the page asks for its parts again."""
    is_busy = shown["running"] or any(one.tone is Tone.BUSY for one in shown["outcomes"])
    return BUSY_SECONDS if is_busy else IDLE_SECONDS


def board(person: Any, guild: Guild) -> dict[str, Any]:
    """What changes on the tab while a person looks at it, in a fixed number of queries.

    Args:
        person: the person who looks at it.
        guild: the guild, with `members_number` from the admin's queryset.
    """
    outlooks = read_outlooks()
    may_redeem = guild.active and person.has_perm("giftcodes.change_redemption")
    has_codes = GiftCode.objects.active().filter(provider=guild.provider).exists()
    needs = _needs(person, guild)
    shown = {"running": [], "has_more_runs": False, "recent": []}
    if person.has_perm("giftcodes.view_redemption"):
        shown = _runs(guild, outlooks, says_corrections=needs["to_correct"] is not None)
    return {
        "guild": guild,
        **needs,
        "may_redeem_now": may_redeem and has_codes and bool(guild.members_number),  # type: ignore[attr-defined]
        "guilds_url": list_url(Guild),
        "back": guild_url(guild.pk),
        **shown,
        **_game(person, guild, outlooks),
    }


# --- Runs and codes -------------------------------------------------------------------------------
def _runs(guild: Guild, outlooks: Outlooks, *, says_corrections: bool) -> dict[str, Any]:
    found = runs_of(guild, most_running=RUNS_SHOWN, most_recent=CODES_SHOWN)
    last = found.recent
    advice = advice_once([one.result for one in last], says_corrections=says_corrections)
    return {
        "running": [_run(one, outlooks) for one in found.running],
        "has_more_runs": found.has_more,
        "running_url": list_url(
            Redemption, guild__id__exact=guild.pk, state__exact=RunState.RUNNING.value
        ),
        "recent": [
            {**_run(one, outlooks), "advice": words}
            for one, words in zip(last, advice, strict=True)
        ],
    }


def _run(one: RedemptionServed, outlooks: Outlooks) -> dict[str, Any]:
    row = one.redemption
    outlook = outlooks.by_redemption.get(row.pk)
    return {
        "row": row,
        "url": page_url(row),
        "served": one.served,
        "result": one.result,
        "badge": result_badge(one.result),
        "bar": served_bar(one.served),
        "parts": served_parts(one.served),
        "left": formatting.left(outlook) if outlook and one.served.total else "",
    }


# --- The game -------------------------------------------------------------------------------------
def _game(person: Any, guild: Guild, outlooks: Outlooks) -> dict[str, Any]:
    """The pace of the game, and when members in the state “not eligible” are tried again."""
    game = game_now(guild.provider, outlooks)
    games = games_of([game], person) if game else []
    return {
        "games": games,
        "idle_words": idle_words(games, is_automatic=guild.automatic)
        if guild.active
        else _("Nothing is running now, because the guild is switched off."),
        "daily": daily(guild),
        "place": place_word(guild.provider),
        "settings_url": guild_url(guild.pk, "change"),
    }


# --- What needs a person --------------------------------------------------------------------------
def _needs(person: Any, guild: Guild) -> dict[str, Any]:
    alarms = _alarms(person, guild)
    channels = {
        "silent_channels": _silent_channels(person, guild),
        "channels_url": guild_url(guild.pk, "channels"),
    }
    sees_members = person.has_perms(("giftcodes.view_member", "giftcodes.view_memberredemption"))
    if not (sees_members and guild.active):
        return {"to_correct": None, "alarms": alarms, **channels}
    found, _left_out = guilds_to_correct(
        Member.objects.filter(guild=guild),
        most=1,
        most_members=MEMBERS_SHOWN,
        long_before=timezone.now() - UNCORRECTED_FOR,
    )
    to_correct = found[0] if found else None
    back = guild_url(guild.pk)
    corrections = (
        [correction_of(one, person, back=back) for one in to_correct.first] if to_correct else []
    )
    return {
        "to_correct": to_correct,
        "guild_correction": guild_correction_of(to_correct, person, back=back)
        if to_correct and to_correct.is_whole
        else None,
        "guild_advice": guild_advice(to_correct) if to_correct and to_correct.is_whole else "",
        "undo_link": undo_links(found, person).get(guild.pk),
        "corrections": corrections,
        "corrections_more": to_correct.number - len(corrections) if to_correct else 0,
        "needing_url": guild_url(guild.pk, "members", needs="correction"),
        "unclear": unclear(guild),
        "unclear_url": list_url(
            MemberRedemption, redemption__guild__id__exact=guild.pk, state__exact="failed"
        ),
        "alarms": alarms,
        **channels,
        "waiting_requests": waiting_requests(guild) if joining.may_open(person) else 0,
        "joining_url": guild_url(guild.pk, "joining"),
    }


def _silent_channels(person: Any, guild: Guild) -> list[ChannelState]:
    """The guild's channels in which messages do not arrive now. Empty for an inactive guild.

    This takes three statements at most.
    """
    if not (guild.active and person.has_perm("giftcodes.view_channel")):
        return []
    return [one for one in states_of(list(guild.channels.all())).values() if one.is_silent]


def _alarms(person: Any, guild: Guild) -> dict[str, Any]:
    """The standing alarms about the guild and its runs."""
    if not person.has_perm("giftcodes.view_alarm"):
        return {"lines": [], "more": 0, "url": ""}
    about = {
        model: [kind for kind, name in SUBJECT_MODELS.items() if name == model]
        for model in ("guild", "redemption")
    }
    runs = Redemption.objects.filter(guild=guild).order_by()
    subjects = runs.annotate(subject=Cast("pk", CharField())).values("subject")
    of_guild = Q(kind__in=about["guild"], subject=str(guild.pk))
    of_runs = Q(kind__in=about["redemption"], subject__in=subjects)
    standing = Alarm.objects.standing().filter(of_guild | of_runs).exclude(kind__in=_SHOWN_ANYWAY)
    found = without_empty_guilds(standing)
    return {
        "lines": found[:ALARMS_SHOWN],
        "more": max(0, len(found) - ALARMS_SHOWN),
        "url": list_url(Alarm, standing="yes"),
    }
