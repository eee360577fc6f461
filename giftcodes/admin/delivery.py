"""What people were told, what needs one of them, who wishes not to be asked for, and beat's pulse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from giftcodes.admin.base import History
from giftcodes.admin.words import badge
from giftcodes.models import Alarm, Announcement, Heartbeat, OptOut

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString


class StandingFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return [("yes", _("standing")), ("no", _("cleared"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        wanted = self.value()
        return queryset if wanted is None else queryset.filter(cleared_at__isnull=wanted == "yes")


@admin.register(Alarm)
class AlarmAdmin(History[Alarm]):
    intro = _("What needs a person. An alarm is raised once, and clears itself when its cause is gone.")
    empty_hint = _("No alarms. Good.")
    list_display = ["raised_at", "kind", "state_shown", "message", "cleared_at"]
    list_filter = [StandingFilter, "kind"]
    search_fields = ["message", "subject"]
    fields = ["kind", "state_shown", "about", "message", "raised_at", "cleared_at"]
    readonly_fields = ["state_shown", "about"]

    @admin.display(description=_("state"), ordering="cleared_at")
    def state_shown(self, alarm: Alarm) -> SafeString:
        return badge("standing", _("standing")) if alarm.cleared_at is None else badge("cleared", _("cleared"))

    @admin.display(description=_("about"))
    def about(self, alarm: Alarm) -> SafeString:
        """A link to what the alarm is about: a game, or a run."""
        page = "redemption" if alarm.kind == Alarm.Kind.NO_PROGRESS else "ratebudget"
        url = reverse(f"admin:giftcodes_{page}_change", args=[alarm.subject])
        return format_html('<a href="{}">{}</a>', url, alarm.subject)


@admin.register(Announcement)
class AnnouncementAdmin(History[Announcement]):
    intro = _("Messages to the channels of the guilds.")
    empty_hint = _("Nothing has been announced yet.")
    list_display = ["created_at", "kind", "redemption", "run_number", "sent_at", "error"]
    list_select_related = ["redemption__guild", "redemption__gift_code"]
    list_filter = ["kind", "redemption__gift_code__provider", "redemption__guild"]
    search_fields = ["redemption__guild__name", "redemption__gift_code__code"]
    search_help_text = _("Guild or code")
    ordering = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Announcement]:
        return super().get_queryset(request).select_related(*self.list_select_related)


@admin.register(OptOut)
class OptOutAdmin(History[OptOut]):
    intro = _("Players who wish not to be redeemed for. Only a keyed hash is kept, so that the list names nobody.")
    empty_hint = _("Nobody has opted out.")
    list_display = ["player_hash", "created_at"]
    ordering = ["-created_at"]


@admin.register(Heartbeat)
class HeartbeatAdmin(History[Heartbeat]):
    intro = _("When the periodic tasks last ran. The tick runs every second while everything is well.")
    empty_hint = _("Beat has not run yet.")
    list_display = ["name", "at"]
