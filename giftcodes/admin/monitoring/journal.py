"""The journal of redemptions, the requests to the games, and the counts of pruned rows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.views.main import ORDER_VAR
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from giftcodes.admin.common.adders import adders_of
from giftcodes.admin.common.base import History
from giftcodes.admin.common.html import NOTHING, badge, link, page_url, result_badge
from giftcodes.admin.common.triggers import TriggerFilter, trigger_words
from giftcodes.domain.lists import joined
from giftcodes.domain.outcomes import meaning
from giftcodes.domain.run_end import RunEnd
from giftcodes.domain.sentences import reason_of
from giftcodes.models import (
    Attempt,
    EventKind,
    PrunedFigure,
    Redemption,
    RedemptionEvent,
    RunState,
    Trigger,
)
from giftcodes.models.game_words import places, spoken
from giftcodes.queries.served import with_results

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

    from giftcodes.domain.served import Result


#: Entries of one kind that catch-up or sweep makes for a guild within this time are shown as one.
#: So are the ends of the runs that one person started.
BURST = timedelta(minutes=10)
#: The starts and refusals of one press of “Redeem now” are written within this time.
PRESS = timedelta(minutes=1)
_GROUPED = frozenset({EventKind.LOCKED, EventKind.UNLOCKED, EventKind.JOINED, EventKind.REFUSED})


def journal_lines(events: QuerySet[RedemptionEvent], person: Any) -> list[dict[str, Any]]:
    """For each event, the values that the journals on other pages show to this person."""
    found = list(events.select_related("user"))
    adders = _adders(found, person)
    return [
        {
            "kind": event.kind,
            "label": event.get_kind_display(),
            "at": event.at,
            "run_number": event.run_number,
            "who": _who(event, adders) or trigger_words(event.trigger),
            "detail": _detail_words(event),
        }
        for event in found
    ]


def _who(event: RedemptionEvent, adders: dict[int, str]) -> str:
    """The person who asked for what happened, or who added the code. Empty if it was no person."""
    if event.user:
        return event.user.get_username()
    return adders.get(event.gift_code_id, "") if _is_first_of_person(event) else ""


def _is_first_of_person(event: RedemptionEvent) -> bool:
    """Whether an entry has no person and is about the first run of a code that a person added."""
    is_of_person = event.user_id is None and event.trigger == Trigger.ADMIN
    is_of_run = event.kind in (EventKind.LOCKED, EventKind.UNLOCKED)
    return is_of_person and is_of_run and event.run_number == 1


def _detail_words(event: RedemptionEvent) -> str:
    """The detail in words. For the end of a run, this is its result."""
    end = _end_of(event)
    return end.words if end else event.detail


def _end_of(event: RedemptionEvent) -> RunEnd | None:
    """How the run of an entry ended, if the entry is about an end and its result was stored."""
    return RunEnd.read(event.detail) if event.kind == EventKind.UNLOCKED else None


def _adders(events: list[RedemptionEvent], person: Any) -> dict[int, str]:
    """The names of those who added codes, by code id, for entries that name no person."""
    return adders_of({one.gift_code_id for one in events if _is_first_of_person(one)}, person)


def group_entries(events: list[RedemptionEvent]) -> list[RedemptionEvent]:
    """Show the entries of one kind that one cause made for a guild as one entry.

    After a correction, catch-up starts a run for each code that the member can have now, and one
    press of “Redeem now” starts a run for each chosen code. The entries of these runs belong
    together, so only the newest entry is shown. Its attribute `together` has all of them.

    Args:
        events: the entries of a page, the newest first, with their redemptions.
    """
    shown: list[RedemptionEvent] = []
    open_groups: dict[tuple[Any, ...], RedemptionEvent] = {}
    for event in events:
        event.together = [event]  # type: ignore[attr-defined]
        key = _group_key(event)
        if key is None:
            shown.append(event)
            continue
        first = open_groups.get(key)
        if first is not None and _belongs(event, first):
            first.together.append(event)  # type: ignore[attr-defined]
            continue
        open_groups[key] = event
        shown.append(event)
    return shown


def _group_key(event: RedemptionEvent) -> tuple[Any, ...] | None:
    """What entries that are shown as one have in common. None for an entry that stands alone."""
    if event.kind not in _GROUPED or event.redemption is None:
        return None
    if not _is_housekeeping(event) and event.user_id is None:
        return None
    return event.redemption.guild_id, event.kind, event.trigger, event.user_id


def _belongs(event: RedemptionEvent, first: RedemptionEvent) -> bool:
    """Whether an entry belongs to the group of `first`, a newer entry of the same kind."""
    is_end, is_housekeeping = event.kind == EventKind.UNLOCKED, _is_housekeeping(event)
    if first.at - event.at > (BURST if is_end or is_housekeeping else PRESS):
        return False
    # One press starts a code only once, so another run of the code is another press.
    return is_housekeeping or all(
        one.redemption_id != event.redemption_id for one in _together(first)
    )


def _together(event: RedemptionEvent) -> list[RedemptionEvent]:
    found: list[RedemptionEvent] = event.together  # type: ignore[attr-defined]
    return found


def _newest_of_codes(event: RedemptionEvent) -> list[RedemptionEvent]:
    """The newest entry of each code among the entries that are shown as one."""
    newest: dict[int | None, RedemptionEvent] = {}
    for one in _together(event):
        newest.setdefault(one.redemption_id, one)
    return list(newest.values())


def _number_words(event: RedemptionEvent) -> str:
    """How many codes an entry stands for, and how many runs if there are more runs than codes."""
    together = _together(event)
    codes = len(_newest_of_codes(event))
    runs = len({(one.redemption_id, one.run_number) for one in together})
    words = ngettext("%d code", "%d codes", codes) % codes
    if codes == 1:
        words = str(event.gift_code)
    return joined([words, ngettext("%d run", "%d runs", runs) % runs]) if runs > codes else words


def _numbers(event: RedemptionEvent) -> str:
    """How many members had the code when the run of an entry ended, or else the entry's detail."""
    end = _end_of(event)
    return end.numbers if end else event.detail


def _is_last_end(event: RedemptionEvent, run: Redemption) -> bool:
    """Whether an entry records how its redemption's newest run ended.

    Earlier releases did not store results. Of their runs, only the newest run's result is known.
    """
    return (
        event.kind == EventKind.UNLOCKED
        and event.run_number == run.run_number
        and run.state in (RunState.COMPLETE, RunState.STOPPED)
    )


def _is_housekeeping(event: RedemptionEvent) -> bool:
    return bool(event.trigger) and Trigger(event.trigger).is_housekeeping


@admin.register(RedemptionEvent)
class RedemptionEventAdmin(History):
    intro = _(
        "Every start, end, refusal, stop and reopening, with the person or task that asked for it."
    )
    empty_hint = _("Nothing has happened yet.")

    list_display = [
        "at",
        "kind_shown",
        "guild",
        "code_shown",
        "run_shown",
        "trigger_shown",
        "user_shown",
        "detail_shown",
    ]
    phone_columns = ("at", "kind_shown", "guild", "code_shown", "detail_shown")
    list_select_related = ["redemption__guild", "redemption__gift_code", "gift_code", "user"]
    list_filter = ["kind", ("trigger", TriggerFilter), "gift_code__provider", "redemption__guild"]
    linked_lookups = ("redemption__id__exact", "gift_code__id__exact")
    search_fields = ["gift_code__code", "redemption__guild__name", "user__username"]
    search_help_text = _("Code, guild or user")
    ordering = ["-id"]
    fields = [
        "at",
        "kind_shown",
        "redemption_link",
        "gift_code",
        "run_number",
        "trigger_shown",
        "user",
        "detail_in_words",
    ]
    readonly_fields = ["kind_shown", "redemption_link", "trigger_shown", "detail_in_words"]

    def number_words(self, rows: ChangeList) -> str:
        """How many entries the journal has. The name of the list has no plural."""
        return ngettext("%d entry", "%d entries", rows.result_count) % rows.result_count

    def decorate(self, request: HttpRequest, rows: list[RedemptionEvent]) -> None:
        """Group the entries of one cause, unless the person has sorted the list.

        Each entry about the end of a run gets the run's result. Each entry about the first run of
        a code that a person added gets that person's name. This takes two SQL statements for all.
        """
        if ORDER_VAR in request.GET:
            for row in rows:
                row.together = [row]  # type: ignore[attr-defined]
        else:
            rows[:] = group_entries(rows)
        last = {
            event.pk: event.redemption
            for row in rows
            for event in _together(row)
            if event.redemption and _end_of(event) is None and _is_last_end(event, event.redemption)
        }
        found = with_results({run.pk: run for run in last.values()}.values())
        results = {one.redemption.pk: one.result for one in found}
        adders = _adders(rows, request.user)
        for row in rows:
            for event in _together(row):
                end = _end_of(event)
                stored = results[last[event.pk].pk] if event.pk in last else None
                event.result = end.result if end else stored  # type: ignore[attr-defined]
            row.who = _who(row, adders)  # type: ignore[attr-defined]

    @admin.display(description=_("trigger"), ordering="trigger")
    def trigger_shown(self, event: RedemptionEvent) -> str:
        return trigger_words(event.trigger)

    @admin.display(description=_("gift code"), ordering="gift_code__code")
    def code_shown(self, event: RedemptionEvent) -> SafeString | str:
        """The code, or for an entry that stands for several, each of them with its result."""
        together = _together(event)
        if len(together) == 1:
            return str(event.gift_code)
        has_more_runs = len(together) > len(_newest_of_codes(event))
        lines = format_html_join(
            "",
            '<li><a href="{}">{}</a>{} {} {}</li>',
            (
                (
                    page_url(one),
                    str(one.gift_code),
                    _(", run %d") % one.run_number if has_more_runs else "",
                    result_badge(one.result) if one.result else "",  # type: ignore[attr-defined]
                    _numbers(one),
                )
                for one in together
            ),
        )
        return format_html(
            "<details><summary>{}</summary><ul>{}</ul></details>", _number_words(event), lines
        )

    @admin.display(description=_("run"), ordering="run_number")
    def run_shown(self, event: RedemptionEvent) -> str:
        return str(event.run_number) if len(_together(event)) == 1 else NOTHING

    @admin.display(description=_("detail"), ordering="detail")
    def detail_shown(self, event: RedemptionEvent) -> SafeString | str:
        """The results of runs that ended, and the detail.

        If several entries are shown as one, each code counts with the result of its newest run.
        Details and numbers that differ are in the list of the codes.
        """
        newest = _newest_of_codes(event)
        found: dict[str, list[Result]] = {}
        for one in newest:
            if result := one.result:  # type: ignore[attr-defined]
                found.setdefault(result.words, []).append(result)
        parts: list[Any] = []
        for results in found.values():
            parts.append(result_badge(results[0]))
            if len(found) > 1:
                number = len(results)
                parts.append(ngettext("%d code", "%d codes", number) % number)
        details = {_numbers(one) for one in newest}
        if len(details) == 1:
            parts.extend(filter(None, details))
        return format_html_join(" ", "{}", ((part,) for part in parts)) or NOTHING

    @admin.display(description=_("detail"))
    def detail_in_words(self, event: RedemptionEvent) -> str:
        return _detail_words(event) or NOTHING

    @admin.display(description=_("by"), ordering="user")
    def user_shown(self, event: RedemptionEvent) -> str:
        """Who asked for it, or who added the code."""
        return event.who or NOTHING  # type: ignore[attr-defined]

    @admin.display(description=_("event"), ordering="kind")
    def kind_shown(self, event: RedemptionEvent) -> SafeString:
        return badge(event.kind, event.get_kind_display())

    @admin.display(description=_("guild"), ordering="redemption__guild__name")
    def guild(self, event: RedemptionEvent) -> str | None:
        """The guild's name, or None if the event is about the code itself."""
        return event.redemption.guild.name if event.redemption else None

    @admin.display(description=_("redemption"))
    def redemption_link(self, event: RedemptionEvent) -> SafeString | str:
        return link(event.redemption) if event.redemption else NOTHING


@admin.register(Attempt)
class AttemptAdmin(History):
    intro = _("Every request to a game: recorded before it is sent, and completed by the answer.")
    empty_hint = _("No request has been sent yet.")

    list_display = [
        "sent_at",
        "player_id",
        "nickname",
        "guild",
        "gift_code",
        "outcome_shown",
        "latency_ms",
    ]
    phone_columns = ("sent_at", "player_id", "nickname", "gift_code", "outcome_shown")
    list_select_related = [
        "gift_code",
        "member_redemption__member",
        "member_redemption__redemption__guild",
    ]
    list_filter = ["outcome", "gift_code__provider", "member_redemption__redemption__guild"]
    search_fields = [
        "=player_id",
        "member_redemption__member__nickname",
        "gift_code__code",
        "member_redemption__redemption__guild__name",
    ]
    search_help_text = _("Player ID, nickname, code or guild")
    fields = [
        "member_redemption_link",
        "gift_code",
        "player_id",
        "place_shown",
        "token",
        "sent_at",
        "answered_at",
        "latency_ms",
        "outcome_shown",
        "http_status",
        "err_code",
        "msg",
        "body",
    ]
    readonly_fields = ["member_redemption_link", "place_shown", "outcome_shown"]

    @admin.display(description=_("guild"), ordering="member_redemption__redemption__guild__name")
    def guild(self, attempt: Attempt) -> str:
        return attempt.member_redemption.redemption.guild.name

    @admin.display(description=places(), ordering="realm")
    def place_shown(self, attempt: Attempt) -> int:
        """The state or kingdom in the request. The heading uses the words of the games."""
        return attempt.realm

    @admin.display(description=_("nickname"), ordering="member_redemption__member__nickname")
    def nickname(self, attempt: Attempt) -> str:
        return attempt.member_redemption.member.nickname

    @admin.display(description=_("outcome"), ordering="outcome")
    def outcome_shown(self, attempt: Attempt) -> SafeString:
        """What the outcome means, followed by the game's own text."""
        if not attempt.outcome:
            return badge("in_flight", _("no answer yet"))
        known = meaning(attempt.outcome)
        happened = spoken(reason_of(attempt.outcome), attempt.gift_code.provider, is_over=True)
        said = attempt.msg.strip(" .") or known.words
        return format_html('{} <span class="quiet">({})</span>', happened, said)

    @admin.display(description=_("member redemption"))
    def member_redemption_link(self, attempt: Attempt) -> SafeString:
        return link(attempt.member_redemption)


@admin.register(PrunedFigure)
class PrunedFigureAdmin(History):
    intro = _(
        "For each day, the number of its attempts and journal entries that were deleted because of "
        "their age."
    )
    empty_hint = _("Nothing has been old enough to be deleted yet.")
    list_display = ["day", "provider", "of", "what", "number"]
    list_filter = ["of", "provider"]
