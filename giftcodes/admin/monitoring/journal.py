"""The journal of redemptions, the requests to the games, and the counts of pruned rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from giftcodes.admin.common.base import History
from giftcodes.admin.common.html import NOTHING, badge, link
from giftcodes.models import Attempt, PrunedFigure, RedemptionEvent, Trigger
from giftcodes.models.game_words import places

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.utils.safestring import SafeString


def journal_lines(events: QuerySet[RedemptionEvent]) -> list[dict[str, Any]]:
    """For each event, the values that the journals on other pages show."""
    return [
        {
            "kind": event.kind,
            "label": event.get_kind_display(),
            "at": event.at,
            "run_number": event.run_number,
            "who": event.user or (Trigger(event.trigger).label if event.trigger else NOTHING),
            "detail": event.detail,
        }
        for event in events.select_related("user")
    ]


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
        "gift_code",
        "run_number",
        "trigger",
        "user",
        "detail",
    ]
    list_select_related = ["redemption__guild", "redemption__gift_code", "gift_code", "user"]
    list_filter = ["kind", "trigger", "gift_code__provider", "redemption__guild"]
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
        "trigger",
        "user",
        "detail",
    ]
    readonly_fields = ["kind_shown", "redemption_link"]

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
        "guild",
        "gift_code",
        "outcome_shown",
        "msg",
        "latency_ms",
    ]
    phone_columns = ("sent_at", "player_id", "gift_code", "outcome_shown")
    list_select_related = ["gift_code", "member_redemption__redemption__guild"]
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
        """The number in the request, under a heading in the words of the games."""
        return attempt.realm

    @admin.display(description=_("outcome"), ordering="outcome")
    def outcome_shown(self, attempt: Attempt) -> SafeString:
        if not attempt.outcome:
            return badge("in_flight", _("no answer yet"))
        return badge(attempt.outcome, attempt.get_outcome_display())

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
