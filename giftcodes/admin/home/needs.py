"""Problems that need a person, in one list: the most urgent first, each once, with what to do.

An alarm gets a line of its own only if no other line is about the same problem.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from giftcodes.admin.common.html import guild_url, list_url, model_url, page_url
from giftcodes.admin.guilds import joining
from giftcodes.admin.guilds.channel_state import states_of
from giftcodes.admin.home.guilds_in_need import guilds_in_need
from giftcodes.admin.home.need import Alarms, Button, More, Need, Urgency, joined
from giftcodes.domain.numbers import row_id
from giftcodes.domain.served import Tone
from giftcodes.models import (
    Alarm,
    Channel,
    CodeState,
    Feed,
    GiftCode,
    Guild,
    JoinRequest,
    MemberRedemption,
    RateBudget,
    Redemption,
    Source,
)
from giftcodes.models.alarm import PAUSE_ALARMS, SUBJECT_MODELS
from giftcodes.queries import scope
from giftcodes.queries.connections import ConnectionState
from giftcodes.queries.needs import doubtful_channels, unknown_codes, waiting_requests
from giftcodes.queries.served import CodeServed

#: How many lines of each kind are shown.
MOST_OF_A_KIND = 5
#: A code that does not exist is listed for this long after it was closed.
UNKNOWN_FOR = dt.timedelta(days=7)

_CHANNEL_ALARMS = frozenset({Alarm.Kind.CHANNEL_GONE, Alarm.Kind.CHANNEL_SILENT})


_URGENCY = {
    Alarm.Kind.FEED_SILENT: Urgency.FEED,
    Alarm.Kind.NO_PROGRESS: Urgency.STUCK,
    Alarm.Kind.UNCOVERED: Urgency.STUCK,
    Alarm.Kind.UNSERVED: Urgency.GUILD,
    Alarm.Kind.UNCORRECTED: Urgency.MEMBERS,
    Alarm.Kind.CODE_ODD: Urgency.CODE,
    **dict.fromkeys(_CHANNEL_ALARMS, Urgency.CHANNEL),
}


def needs_of(
    person: Any,
    *,
    beat: dict[str, Any],
    games: Iterable[dict[str, Any]],
    codes: Mapping[int, CodeServed],
    proposals: dict[str, Any],
) -> dict[str, Any]:
    """The problems that need a person, in a fixed number of queries.

    Args:
        person: the person who looks at the list.
        beat: the value `beat` of `queries.overview`, which says whether a worker runs.
        games: the games that the person may see (`games_of`).
        codes: what has come of the newest codes.
        proposals: what `proposals_for` returns.

    Returns:
        `needs`: the lines. `needs_more`: links to what is left out, with their words.
    """
    alarms = Alarms(person)
    more: More = []
    found = [
        *_system(beat, person, alarms),
        *_games(games, person, alarms),
        *guilds_in_need(person, alarms, more),
        *_codes(person, codes, more),
        *_requests(person, more),
        *_proposals(proposals, more),
        *_channels(person, alarms, more),
        *_others(alarms, more),
    ]
    found.sort(key=lambda need: (need.urgency, need.tone is not Tone.BAD))
    return {"needs": found, "needs_more": more}


# --- The system and the games ---------------------------------------------------------------------
def _system(beat: dict[str, Any], person: Any, alarms: Alarms) -> Iterator[Need]:
    """A line if no worker runs, because then nothing is redeemed."""
    if beat["is_alive"]:
        return
    alarms.take(Alarm.Kind.BEAT_SILENT, "beat")
    at = beat["last_tick_at"]
    if person.is_superuser:
        todo = _("Nothing is polled and nothing is redeemed. Start a worker with: %(command)s") % {
            "command": settings.START_COMMAND
        }
    else:
        todo = _("Nothing is redeemed. Ask the operator of this site to start a worker.")
    yield Need(
        Urgency.SYSTEM,
        _("No worker is running"),
        todo,
        Tone.BAD,
        since=dt.datetime.fromisoformat(at) if at else None,
    )


def _games(games: Iterable[dict[str, Any]], person: Any, alarms: Alarms) -> Iterator[Need]:
    """Games that are paused, unreachable or off, or whose main feed fails while no other works.

    If another feed works, codes are still found, so the alarm about the main feed is enough.
    Officers get none: they may not change games.
    """
    may_resume = person.has_perm("giftcodes.change_ratebudget")
    for game in games:
        if not scope.sees_all(person):
            continue
        page = {"url": game["url"], "link": _("The page of the game")}
        if game["pause"]:
            for kind in PAUSE_ALARMS:
                alarms.take(kind, game["name"])
            yield _pause(game, page, may_resume=may_resume)
        elif game["connection"]["state"] == ConnectionState.UNREACHABLE:
            yield Need(
                Urgency.GAME,
                _("%s cannot be used") % game["title"],
                game["connection"]["reason"],
                Tone.BAD,
                game["connect_url"] or game["url"],
                _("Test the connection") if game["connect_url"] else page["link"],
            )
        elif not game["is_on"]:
            yield _not_connected(game, page)
        elif (
            game["connection"]["state"] == ConnectionState.FEED_FAILS
            and game["feeds_fail"]
            and not alarms.has(Alarm.Kind.FEED_SILENT, game["feed"]["id"])
        ):
            yield _feed_fails(game)


def _not_connected(game: dict[str, Any], page: dict[str, Any]) -> Need:
    words = ngettext(
        "%(game)s is not connected, and %(number)d guild waits for it",
        "%(game)s is not connected, and %(number)d guilds wait for it",
        game["guilds"],
    )
    if game["connect_url"]:
        page = {"url": game["connect_url"], "link": _("Connect the game")}
    until_then = _("Until it is connected, no code is redeemed.")
    return Need(
        Urgency.GAME,
        words % {"game": game["title"], "number": game["guilds"]},
        joined(game["connection"]["reason"], until_then),
        Tone.BAD,
        **page,
    )


def _feed_fails(game: dict[str, Any]) -> Need:
    by_hand = _("Until it works, codes are added by hand.")
    return Need(
        Urgency.FEED,
        _("The feed of %s fails, so no new code is found") % game["title"],
        joined(game["connection"]["reason"], by_hand),
        Tone.BAD,
        game["connect_url"] or game["url"],
        _("Connect the game") if game["connect_url"] else _("The page of the game"),
    )


def _pause(game: dict[str, Any], page: dict[str, Any], *, may_resume: bool) -> Need:
    title = _("%s is paused, so no code is redeemed") % game["title"]
    until = game["pause"]["until"]
    if not until:
        todo = _("%s It stays paused until a person resumes it.")
    else:
        todo = _(
            "%s Redeemer tests the game with one request. If the game answers, everything "
            "continues. If it does not, look at the page of the game."
        )
    return Need(
        Urgency.GAME,
        title,
        todo % game["pause"]["reason"],
        Tone.ATTENTION if game["is_by_person"] else Tone.BAD,
        until=until,
        until_words=_("The next test is"),
        button=Button.of(_("Resume the game"), RateBudget, "resume_providers", game["name"])
        if may_resume
        else None,
        **page,
    )


# --- Codes ----------------------------------------------------------------------------------------
def _codes(person: Any, codes: Mapping[int, CodeServed], more: More) -> Iterator[Need]:
    own = scope.visible(Redemption.objects.filter(gift_code=OuterRef("pk")), person)
    known = scope.visible(GiftCode.objects.filter(Exists(own)), person)
    unknown = list(unknown_codes(known, since=timezone.now() - UNKNOWN_FOR)[: MOST_OF_A_KIND + 1])
    for code in unknown[:MOST_OF_A_KIND]:
        yield _unknown_code(code, may_delete=person.has_perm("giftcodes.delete_giftcode"))
    if len(unknown) > MOST_OF_A_KIND:
        words = _("More codes that do not exist")
        more.append((list_url(GiftCode, state__exact=CodeState.CLOSED.value), words))
    for found in codes.values():
        if found.unclear and not found.code.is_over and not found.running:
            yield _unclear(found)


def _unknown_code(code: GiftCode, *, may_delete: bool) -> Need:
    if code.source == Source.FEED:
        todo = _(
            "The feed lists it, but nobody can have it. If it was published too early, it is tried "
            "again automatically."
        )
    else:
        todo = _("Check its spelling, and add the right code.")
    if may_delete:
        todo = joined(todo, _("You can delete this code on its page."))
    return Need(
        Urgency.CODE,
        _("The code %s does not exist") % code,
        todo,
        Tone.BAD,
        page_url(code),
        _("The page of the code"),
        since=code.unknown_since,  # type: ignore[attr-defined]
        until=code.next_probe_at.isoformat() if code.next_probe_at else None,
        until_words=_("It is tried again"),
    )


def _unclear(found: CodeServed) -> Need:
    words = ngettext(
        "%(code)s: the game gave no clear answer for %(number)d member",
        "%(code)s: the game gave no clear answer for %(number)d members",
        found.unclear,
    )
    return Need(
        Urgency.CODE,
        words % {"code": found.code, "number": found.unclear},
        _("Look at the answers, then press “Retry unsettled” on the page of the redemption."),
        url=list_url(Redemption, gift_code__id__exact=found.code.pk),
        link=_("The redemptions of the code"),
        more=((_unclear_members(found), _("The members")),),
    )


def _unclear_members(found: CodeServed) -> str:
    return list_url(MemberRedemption, state__exact="failed", gift_code__id__exact=found.code.pk)


# --- People who wait for a decision --------------------------------------------------------------
def _requests(person: Any, more: More) -> Iterator[Need]:
    if not joining.may_open(person):
        return
    found = waiting_requests(scope.visible(JoinRequest.objects.all(), person))
    for one in found[:MOST_OF_A_KIND]:
        words = ngettext(
            "%(number)d player asks to join %(guild)s",
            "%(number)d players ask to join %(guild)s",
            one.number,
        )
        todo = _("Approve the players whom you know. Until then, they get no codes.")
        is_full = joining.is_full(one.number)
        if is_full:
            todo = _(
                "The list is full, so players may be turned away. Approve those whom you know, and "
                "refuse the others at once."
            )
        yield Need(
            Urgency.REQUEST,
            words % {"number": one.number, "guild": one.guild},
            todo,
            Tone.BAD if is_full else Tone.ATTENTION,
            url=guild_url(one.guild_id, "joining"),
            link=_("Decide"),
            since=one.since,
        )
    if left_out := len(found) - MOST_OF_A_KIND:
        words = ngettext(
            "Players ask to join %d more guild", "Players ask to join %d more guilds", left_out
        )
        if left_out > 0:
            more.append((list_url(Guild), words % left_out))


def _proposals(proposals: dict[str, Any], more: More) -> Iterator[Need]:
    for row in proposals["to_decide"]:
        title = _("%(who)s proposes the code %(code)s")
        if row.feed_id:
            title = _("%(who)s lists the code %(code)s, which waits for you")
        yield Need(
            Urgency.PROPOSAL,
            title % {"who": row.proposer, "code": row.code},
            row.rewards,
            since=row.proposed_at,
            proposal=row,
        )
    if number := proposals["to_decide_more"]:
        words = ngettext("%d more proposed code", "%d more proposed codes", number) % number
        more.append(
            (f"{reverse('admin:giftcodes_codeproposal_changelist')}?state__exact=waiting", words)
        )


# --- Channels, and all other alarms --------------------------------------------------------------
def _channels(person: Any, alarms: Alarms, more: More) -> Iterator[Need]:
    """Channels in which messages do not arrive now, and those that an alarm is about.

    If messages do not arrive in a channel, the guild's Overview lists it from the same moment on.
    """
    if not person.has_perm("giftcodes.view_channel"):
        return
    subjects = [alarm.subject for alarm in alarms.left if alarm.kind in _CHANNEL_ALARMS]
    alarmed = {pk for subject in subjects if (pk := row_id(subject))}
    rows = doubtful_channels(scope.visible(Channel.objects.all(), person), also=alarmed)
    found = [one for one in states_of(rows).values() if one.is_silent or one.channel.pk in alarmed]
    for one in found[:MOST_OF_A_KIND]:
        channel = one.channel
        told = [alarm for kind in _CHANNEL_ALARMS if (alarm := alarms.take(kind, channel.pk))]
        names = {"channel": channel.name, "guild": channel.guild}
        title = _("%(guild)s: the channel “%(channel)s” takes no messages") % names
        error, goes_on = one.now.why, _("Codes are redeemed as before.")
        if channel.refused_since:
            error = channel.error
            goes_on = _("It is tried again, and codes are redeemed as before.")
        elif told:
            title = told[0].message
            error, goes_on = "", _("Codes are redeemed as before. Test the channel.")
        yield Need(
            Urgency.CHANNEL,
            title,
            joined(error, goes_on),
            url=guild_url(channel.guild_id, "channels"),
            link=_("The channels of the guild"),
            since=channel.refused_since,
        )
    for one in found[MOST_OF_A_KIND:]:
        for kind in _CHANNEL_ALARMS:
            alarms.take(kind, one.channel.pk)
    if len(found) > MOST_OF_A_KIND:
        more.append((list_url(Channel), _("More channels that take no messages")))


def _others(alarms: Alarms, more: More) -> Iterator[Need]:
    left = alarms.left
    for alarm in left[:MOST_OF_A_KIND]:
        url, link = _page_of(alarm)
        yield Need(
            _URGENCY.get(Alarm.Kind(alarm.kind), Urgency.OTHER),
            alarm.headline,
            alarm.details,
            url=url,
            link=link,
            since=alarm.raised_at,
        )
    if len(left) > MOST_OF_A_KIND:
        number = len(left) - MOST_OF_A_KIND
        words = ngettext("%d more alarm", "%d more alarms", number) % number
        more.append((list_url(Alarm, standing="yes"), words))


def _page_of(alarm: Alarm) -> tuple[str, str]:
    """The page of what an alarm is about, or else the page of the alarm."""
    match SUBJECT_MODELS.get(alarm.kind):
        case "guild":
            return _tab_of(alarm), _("The page of the guild")
        case "giftcode":
            return model_url(GiftCode, "change", alarm.subject), _("The page of the code")
        case "redemption":
            return model_url(Redemption, "change", alarm.subject), _("The page of the redemption")
        case "feed":
            return model_url(Feed, "change", alarm.subject), _("The page of the feed")
    return page_url(alarm), _("More about it")


def _tab_of(alarm: Alarm) -> str:
    """The tab of a guild on which the cause of an alarm is mended."""
    tab = "members" if alarm.kind == Alarm.Kind.NO_MEMBERS else "overview"
    return guild_url(int(alarm.subject), tab)
