"""The state of each page that a hub links to: a figure or a few words, in one tone.

The rows are limited to what the person may see. Each card costs a fixed number of SQL statements.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from axes.models import AccessAttempt, AccessLog
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.db.models import Count, Q, Sum
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_celery_beat.models import PeriodicTask

from giftcodes.admin.common.html import ago
from giftcodes.domain.served import SIGNS, Tone
from giftcodes.domain.transitions import State
from giftcodes.models import (
    Alarm,
    AlarmNotice,
    ApiToken,
    Attempt,
    DeliveryState,
    Directory,
    DirectoryLookup,
    Feed,
    Heartbeat,
    Member,
    MemberRedemption,
    PrunedFigure,
    RateBudget,
    Redemption,
    RedemptionEvent,
    RunState,
)
from giftcodes.models.game_words import title_of
from giftcodes.models.games import games
from giftcodes.models.start_rules import providers_on
from giftcodes.queries import scope
from giftcodes.queries.connections import ConnectionState, connections
from giftcodes.queries.discord import bot
from giftcodes.queries.heartbeat import STALE_SECONDS
from giftcodes.queries.needs import unknown_by_guild

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

    from giftcodes.admin_menu import MenuPage


@dataclass(frozen=True, slots=True)
class CardState:
    """What a card says about its page. The colour of the tone only repeats the words."""

    tone: Tone
    words: SafeString

    @property
    def sign(self) -> str:
        """The sign of the tone. Empty for a plain figure."""
        return "" if self.tone is Tone.NEUTRAL else SIGNS[self.tone]


def states_of(pages: Iterable[MenuPage], request: HttpRequest) -> dict[str, CardState]:
    """The state of each page, by the page's name. Pages that have no state are left out.

    Args:
        pages: pages that the person may see.
        request: the person's request.
    """
    return {page.name: _STATES[page.name](request) for page in pages if page.name in _STATES}


def _state(tone: Tone, words: str, *, at: dt.datetime | None = None, **values: Any) -> CardState:
    """A state. `{at}` in the words becomes a time that live.js shows as a distance from now."""
    return CardState(tone, format_html(words, at=ago(at) if at else "", **values))


def _number(number: int) -> str:
    return number_format(number, force_grouping=True)


def _visible(rows: Any, request: HttpRequest) -> Any:
    return scope.visible(rows, request.user).order_by()


# --- Activity -------------------------------------------------------------------------------------
def _redemptions(request: HttpRequest) -> CardState:
    rows = _visible(Redemption.objects.filter(state=RunState.RUNNING), request)
    if not (number := rows.count()):
        return _state(Tone.NEUTRAL, _("No code is being redeemed now"))
    words = ngettext("{number} run is under way", "{number} runs are under way", number)
    return _state(Tone.BUSY, words, number=_number(number))


def _journal(request: HttpRequest) -> CardState:
    rows = _visible(RedemptionEvent.objects.all(), request)
    return _newest(rows, "at", _("Last entry {at}"), _("Nothing has happened yet"))


def _changes(request: HttpRequest) -> CardState:
    rows = admin.site.get_model_admin(LogEntry).get_queryset(request)
    return _newest(rows, "action_time", _("Last change {at}"), _("No change yet"))


def _newest(rows: Any, field: str, words: str, nothing: str) -> CardState:
    """When the newest row was written, or the sentence for no row."""
    at = rows.order_by("-pk").values_list(field, flat=True).first()
    return _state(Tone.NEUTRAL, words if at else nothing, at=at)


def _alarms(request: HttpRequest) -> CardState:
    open_alarms = Alarm.objects.listed().filter(cleared_at__isnull=True)
    if not (number := _visible(open_alarms, request).count()):
        if needing := _needing(request):
            words = ngettext(
                "No open alarm, but {number} member needs you",
                "No open alarm, but {number} members need you",
                needing,
            )
            return _state(Tone.ATTENTION, words, number=_number(needing))
        return _state(Tone.GOOD, _("No open alarm"))
    words = ngettext("{number} open alarm", "{number} open alarms", number)
    return _state(Tone.BAD, words, number=_number(number))


def _requests(request: HttpRequest) -> CardState:
    since = timezone.now() - dt.timedelta(hours=1)
    number = _visible(Attempt.objects.filter(sent_at__gte=since), request).count()
    words = ngettext(
        "{number} request in the last hour", "{number} requests in the last hour", number
    )
    return _state(Tone.NEUTRAL, words, number=_number(number))


def _member_redemptions(request: HttpRequest) -> CardState:
    # The index of rows that wait keeps this count short, however many rows there are.
    number = _visible(MemberRedemption.objects.filter(state=State.PENDING), request).count()
    words = ngettext("{number} waits for a request", "{number} wait for a request", number)
    if needing := _needing(request):
        need = ngettext("{needing} member needs you", "{needing} members need you", needing)
        words = f"{need}, {words}" if number else need
        return _state(Tone.ATTENTION, words, number=_number(number), needing=_number(needing))
    if not number:
        return _state(Tone.NEUTRAL, _("No member waits for a code"))
    return _state(Tone.BUSY, words, number=_number(number))


def _needing(request: HttpRequest) -> int:
    """How many members the game does not know. 0 if the person may not see members."""
    if not request.user.has_perm("giftcodes.view_member"):
        return 0
    members = scope.visible(Member.objects.all(), request.user)
    return sum(unknown_by_guild(members).values())


# --- Games and feeds ------------------------------------------------------------------------------
def _connections(_request: HttpRequest) -> CardState:
    found = connections()
    broken = [one for one in found if one.state is ConnectionState.UNREACHABLE]
    if broken:
        return _of_games([one.config.name for one in broken], _("{game} cannot be used"), _many_bad)
    failing = [one for one in found if one.state is ConnectionState.FEED_FAILS]
    if failing:
        words = ngettext("{number} feed fails", "{number} feeds fail", len(failing))
        return _state(Tone.BAD, words, number=_number(len(failing)))
    number = sum(one.state is ConnectionState.CONNECTED for one in found)
    if not number:
        return _state(Tone.ATTENTION, _("No game is connected yet"))
    words = ngettext("{number} game is connected", "{number} games are connected", number)
    return _state(Tone.GOOD, words, number=_number(number))


def _many_bad(number: int) -> str:
    return ngettext("{number} game cannot be used", "{number} games cannot be used", number)


def _many_paused(number: int) -> str:
    return ngettext("{number} game is paused", "{number} games are paused", number)


def _of_games(names: list[str], one: str, several: Callable[[int], str]) -> CardState:
    """What is bad about games: the name of one game, or the number of several."""
    if len(names) == 1:
        return _state(Tone.BAD, one, game=title_of(names[0]))
    return _state(Tone.BAD, several(len(names)), number=_number(len(names)))


def _games(request: HttpRequest) -> CardState:
    now = timezone.now()
    is_on = set(providers_on())
    if not is_on:
        return _state(Tone.NEUTRAL, _("No game is switched on"))
    rows = _visible(RateBudget.objects.filter(pk__in=is_on), request)
    paused = sorted(row.provider for row in rows if row.is_paused(now))
    if paused:
        return _of_games(paused, _("{game} is paused"), _many_paused)
    words = ngettext(
        "{number} game is on, and not paused", "{number} games are on, none is paused", len(is_on)
    )
    return _state(Tone.GOOD, words, number=_number(len(is_on)))


def _feeds(request: HttpRequest) -> CardState:
    on = {name: config.has_feed for name, config in games().items() if config.is_on}
    found = _visible(Feed.objects.filter(provider__in=on), request)
    # A main feed without an address does not count, and a webhook only if no feed is read.
    read = [row for row in found if not row.is_pushed and (on[row.provider] or not row.is_main)]
    rows = read or [row for row in found if row.is_pushed]
    if not rows:
        return _state(Tone.NEUTRAL, _("No feed is set up, so codes are added by hand"))
    failing = [row for row in rows if row.enabled and row.failures]
    if len(failing) > 1:
        words = ngettext("{number} feed fails", "{number} feeds fail", len(failing))
        return _state(Tone.BAD, words, number=_number(len(failing)))
    if failing:
        (row,) = failing
        words = _("The feed of {game} fails. Its last good answer came {at}")
        if row.answered_at is None:
            words = _("The feed of {game} has never given a good answer")
        return _state(Tone.BAD, words, at=row.answered_at, game=title_of(row.provider))
    if wrong := [row for row in found if row.enabled and row.distrusted_at]:
        words = ngettext(
            "{number} feed is no longer trusted", "{number} feeds are no longer trusted", len(wrong)
        )
        return _state(Tone.BAD, words, number=_number(len(wrong)))
    if off := [row for row in rows if not row.enabled]:
        words = ngettext("{number} feed is not read", "{number} feeds are not read", len(off))
        return _state(Tone.ATTENTION, words, number=_number(len(off)))
    moments = [row.answered_at for row in rows]
    known = [at for at in moments if at is not None]
    if not read:
        if not known:
            return _state(Tone.NEUTRAL, _("Nothing has happened yet"))
        return _state(Tone.GOOD, _("Last answer {at}"), at=max(known))
    if len(known) < len(moments):
        return _state(Tone.NEUTRAL, _("Not read yet"))
    listed = sum(row.listed for row in rows)
    words = ngettext("Read {at}, {number} code", "Read {at}, {number} codes", listed)
    return _state(Tone.GOOD, words, at=min(known), number=_number(listed))


def _directories(request: HttpRequest) -> CardState:
    with_directory = [name for name, one in games().items() if one.is_on and one.has_directory]
    if not with_directory:
        return _state(Tone.NEUTRAL, _("No directory is set up"))
    rows = list(_visible(Directory.objects.filter(pk__in=with_directory), request))
    for row in rows:
        if row.key_refused or row.failures:
            words = _("The directory of {game} fails")
            if row.key_refused:
                words = _("The directory of {game} refuses the key")
            return _state(Tone.BAD, words, game=title_of(row.provider))
    answers = [row.answered_at for row in rows if row.answered_at]
    if not answers:
        return _state(Tone.NEUTRAL, _("Not asked yet"))
    return _state(Tone.GOOD, _("Last answer {at}"), at=max(answers))


def _lookups(request: HttpRequest) -> CardState:
    unknown = Count("pk", filter=Q(said=DirectoryLookup.Said.NOT_FOUND))
    found = _visible(DirectoryLookup.objects.all(), request).aggregate(
        number=Count("pk"), unknown=unknown
    )
    if not found["number"]:
        return _state(Tone.NEUTRAL, _("No member is looked up"))
    words = ngettext("{number} player", "{number} players", found["number"])
    if found["unknown"]:
        words = ngettext(
            "{number} player, {unknown} not known there",
            "{number} players, {unknown} not known there",
            found["number"],
        )
    return _state(
        Tone.NEUTRAL, words, number=_number(found["number"]), unknown=_number(found["unknown"])
    )


# --- System ---------------------------------------------------------------------------------------
def _schedule(request: HttpRequest) -> CardState:
    found = _visible(PeriodicTask.objects.all(), request).aggregate(
        number=Count("pk"), off=Count("pk", filter=Q(enabled=False))
    )
    if not found["number"]:
        return _state(Tone.BAD, _("The schedule is empty"))
    if number := found["off"]:
        words = ngettext("{number} entry is off", "{number} entries are off", number)
        return _state(Tone.BAD, words, number=_number(number))
    return _state(Tone.GOOD, _("All {number} entries are on"), number=_number(found["number"]))


def _pulse(request: HttpRequest) -> CardState:
    beats = _visible(Heartbeat.objects.filter(name="tick"), request)
    at = beats.values_list("at", flat=True).first()
    if at is None:
        return _state(Tone.BAD, _("No tick yet: the workers or Celery beat are not running"))
    is_late = (timezone.now() - at).total_seconds() >= STALE_SECONDS
    return _state(Tone.BAD if is_late else Tone.GOOD, _("Last tick {at}"), at=at)


def _discord_bot(_request: HttpRequest) -> CardState:
    found = bot()
    return _state(found.tone, "{said}", said=found.words)


def _api_tokens(_request: HttpRequest) -> CardState:
    number = ApiToken.objects.live().count()
    words = ngettext("{number} token works", "{number} tokens work", number)
    return _state(
        Tone.NEUTRAL, words if number else _("There is no token yet"), number=_number(number)
    )


def _notices(request: HttpRequest) -> CardState:
    newest = _visible(AlarmNotice.objects.all(), request).order_by("-pk").first()
    if newest is None:
        return _state(Tone.NEUTRAL, _("No message has been sent yet"))
    match newest.state:
        case DeliveryState.DONE:
            return _state(
                Tone.GOOD, _("The last one arrived {at}"), at=newest.sent_at or newest.created_at
            )
        case DeliveryState.FAILED | DeliveryState.GONE:
            words = _("The last one was not delivered: {at}")
            return _state(Tone.BAD, words, at=newest.created_at)
        case DeliveryState.UNKNOWN:
            words = _("The last one may not have arrived: {at}")
            return _state(Tone.ATTENTION, words, at=newest.created_at)
        case DeliveryState.DROPPED:
            words = _("The last one was no longer needed")
            return _state(Tone.NEUTRAL, words)
    return _state(Tone.BUSY, _("One was written {at} and waits"), at=newest.created_at)


def _pruned(request: HttpRequest) -> CardState:
    number = _visible(PrunedFigure.objects.all(), request).aggregate(all=Sum("number"))["all"] or 0
    words = ngettext("{number} row deleted so far", "{number} rows deleted so far", number)
    return _state(
        Tone.NEUTRAL, words if number else _("Nothing has been deleted yet"), number=_number(number)
    )


def _groups(request: HttpRequest) -> CardState:
    number = _visible(Group.objects.all(), request).count()
    words = ngettext("{number} group", "{number} groups", number)
    return _state(Tone.NEUTRAL, words, number=_number(number))


def _logins(request: HttpRequest) -> CardState:
    rows = _visible(AccessLog.objects.all(), request)
    return _newest(rows, "attempt_time", _("Last login {at}"), _("No login yet"))


def _failed_logins(request: HttpRequest) -> CardState:
    since = timezone.now() - dt.timedelta(days=1)
    rows = _visible(AccessAttempt.objects.filter(attempt_time__gte=since), request)
    number = rows.aggregate(all=Sum("failures_since_start"))["all"] or 0
    if not number:
        return _state(Tone.GOOD, _("None in the last 24 hours"))
    words = ngettext("{number} in the last 24 hours", "{number} in the last 24 hours", number)
    return _state(Tone.ATTENTION, words, number=_number(number))


_STATES: dict[str, Callable[[HttpRequest], CardState]] = {
    "giftcodes_redemption": _redemptions,
    "giftcodes_redemptionevent": _journal,
    "admin_logentry": _changes,
    "giftcodes_alarm": _alarms,
    "giftcodes_attempt": _requests,
    "giftcodes_memberredemption": _member_redemptions,
    "connect_game": _connections,
    "giftcodes_ratebudget": _games,
    "giftcodes_feed": _feeds,
    "giftcodes_directory": _directories,
    "giftcodes_directorylookup": _lookups,
    "django_celery_beat_periodictask": _schedule,
    "giftcodes_heartbeat": _pulse,
    "discord_bot": _discord_bot,
    "api_tokens": _api_tokens,
    "giftcodes_alarmnotice": _notices,
    "giftcodes_prunedfigure": _pruned,
    "auth_group": _groups,
    "axes_accesslog": _logins,
    "axes_accessattempt": _failed_logins,
}
