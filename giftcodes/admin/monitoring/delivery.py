"""What people were told, what needs one of them, who wishes not to be asked for, and beat's pulse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django import forms
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _

from giftcodes.admin.common.base import History, ModelForm, Page
from giftcodes.admin.common.html import NOTHING, badge
from giftcodes.admin.members.player_page import may_open
from giftcodes.form_fields import CleanCharField
from giftcodes.models import Alarm, AlarmNotice, Announcement, Channel, Heartbeat, OptOut

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString


#: The page of what an alarm is about.
_PAGES = {
    Alarm.Kind.PROVIDER_PAUSED: "ratebudget",
    Alarm.Kind.CAPTCHA: "ratebudget",
    Alarm.Kind.FORBIDDEN: "ratebudget",
    Alarm.Kind.CODE_ODD: "giftcode",
    Alarm.Kind.NO_PROGRESS: "redemption",
    Alarm.Kind.FEED_SILENT: "feed",
    Alarm.Kind.UNCOVERED: "guild",
    Alarm.Kind.NO_MEMBERS: "guild",
    Alarm.Kind.CHANNEL_GONE: "guild",
    Alarm.Kind.CHANNEL_SILENT: "guild",
}


def delivery_badge(row: Announcement | AlarmNotice) -> SafeString:
    """What became of a message."""
    return badge(_COLOURS.get(row.state, row.state), row.get_state_display())


#: Badges that there are already, by what they feel like.
_COLOURS = {
    "waiting": "pending",
    "sent": "running",
    "done": "complete",
    "unknown": "unconfirmed",
    "gone": "failed",
}


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
    intro = _(
        "What needs a person. An alarm is raised once, and clears itself when its cause is gone."
    )
    empty_hint = _("No alarms. Good.")
    list_display = ["raised_at", "kind", "state_shown", "message", "cleared_at"]
    list_filter = [StandingFilter, "kind"]
    search_fields = ["message", "subject"]
    fields = ["kind", "state_shown", "about", "message", "raised_at", "cleared_at", "told"]
    readonly_fields = ["state_shown", "about", "told"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alarm]:
        """Without what is only suspected."""
        return super().get_queryset(request).filter(raised_at__isnull=False)

    @admin.display(description=_("state"), ordering="cleared_at")
    def state_shown(self, alarm: Alarm) -> SafeString:
        return (
            badge("standing", _("standing"))
            if alarm.cleared_at is None
            else badge("cleared", _("cleared"))
        )

    @admin.display(description=_("about"))
    def about(self, alarm: Alarm) -> SafeString | str:
        """A link to what the alarm is about, where there is a page of it."""
        if alarm.kind not in _PAGES:
            return alarm.subject
        url = reverse(
            f"admin:giftcodes_{_PAGES[Alarm.Kind(alarm.kind)]}_change", args=[alarm.subject]
        )
        return format_html('<a href="{}">{}</a>', url, alarm.subject)

    @admin.display(description=_("told to the operator"))
    def told(self, alarm: Alarm) -> SafeString | str:
        """What became of the messages to the operator's channel."""
        shown = [
            (notice.get_kind_display(), delivery_badge(notice), notice.error)
            for notice in alarm.notices.order_by("pk")
        ]
        return format_html_join(" · ", "{}: {} {}", shown) or NOTHING


@admin.register(Announcement)
class AnnouncementAdmin(History[Announcement]):
    intro = _("Messages to the channels of the guilds, and what became of each.")
    empty_hint = _(
        "Nothing has been announced yet. A guild is told of its runs when it has a channel."
    )
    list_display = [
        "created_at",
        "kind",
        "redemption",
        "run_number",
        "delivery_shown",
        "sent_at",
        "edited_at",
        "error",
    ]
    list_select_related = ["redemption__guild__channel", "redemption__gift_code"]
    list_filter = ["state", "kind", "redemption__gift_code__provider", "redemption__guild"]
    search_fields = ["redemption__guild__name", "redemption__gift_code__code"]
    search_help_text = _("Guild or code")
    ordering = ["-id"]
    fields = [
        *[
            "redemption",
            "run_number",
            "kind",
            "delivery_shown",
            "error",
            "created_at",
            "sent_at",
            "edited_at",
        ],
        *["next_attempt_at", "tries", "message_id"],
    ]
    readonly_fields = ["delivery_shown"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Announcement]:
        return super().get_queryset(request).select_related(*self.list_select_related)

    @admin.display(description=_("delivery"), ordering="state")
    def delivery_shown(self, row: Announcement) -> SafeString:
        """With the reason why a message is not sent now, where that is its channel."""
        badge_of_it = delivery_badge(row)
        channel: Channel | None = getattr(row.redemption.guild, "channel", None)
        if not row.is_unfinished or channel is None or not channel.is_resting:
            return badge_of_it
        until = date_format(timezone.localtime(channel.not_before), "DATETIME_FORMAT")
        return format_html("{} {}", badge_of_it, _("The channel rests until {}.").format(until))


class ChannelForm(ModelForm[Channel]):
    """Takes an address, and never shows one."""

    class Meta:
        model = Channel
        fields = ["guild", "address"]
        field_classes = {"address": CleanCharField}
        widgets = {"address": forms.PasswordInput(attrs={"autocomplete": "off", "size": 80})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "address" in self.fields:
            self.fields["address"].required = False
            self.fields["address"].help_text = _(
                "Leave it empty to keep the address. It is never shown again."
            )
            self.initial["address"] = ""

    def clean_address(self) -> str:
        """Empty: as it was."""
        address: str = self.cleaned_data["address"].strip()
        return address or self.instance.address


@admin.register(Channel)
class ChannelAdmin(Page[Channel]):
    intro = _("Where each guild is told of its runs: a Discord webhook, or an address of Apprise.")
    empty_hint = _("No guild has a channel yet: add one, and its next run is announced there.")
    form = ChannelForm
    list_display = [
        "guild",
        "address_shown",
        "delivered_at",
        "not_before",
        "refused_since",
        "error",
    ]
    list_select_related = ["guild"]
    list_filter = ["guild__provider"]
    search_fields = ["guild__name"]
    fields = [
        "guild",
        "address_shown",
        "address",
        "delivered_at",
        "not_before",
        "refused_since",
        "error",
    ]
    autocomplete_fields = ["guild"]

    def get_fields(self, request: HttpRequest, obj: Channel | None = None) -> Any:
        """To whoever may not write the address, Django would show it."""
        may_write = (
            self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        )
        return [name for name in self.fields or () if may_write or name != "address"]

    def get_readonly_fields(self, request: HttpRequest, obj: Channel | None = None) -> list[str]:  # noqa: ARG002
        """A channel stays with its guild."""
        always = ["address_shown", "delivered_at", "not_before", "refused_since", "error"]
        return [*always, "guild"] if obj else always

    @admin.display(description=_("kept address"))
    def address_shown(self, channel: Channel) -> str:
        """So much of it that one tells it from others, and nobody can use it."""
        return (
            f"{urlsplit(channel.address).scheme}://… ({channel.hash[:6]})"
            if channel.address
            else NOTHING
        )

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:
        """A new address begins anew."""
        if not change:
            super().save_model(request, obj, form, change)
        elif form.cleaned_data["address"] and "address" in form.changed_data:
            obj.error, obj.not_before, obj.refused_since = "", None, None
            obj.save(update_fields=["address", "error", "not_before", "refused_since"])

    def delete_model(self, request: HttpRequest, obj: Channel) -> None:
        """Without a channel there is nothing to be alarmed about."""
        for kind in (Alarm.Kind.CHANNEL_GONE, Alarm.Kind.CHANNEL_SILENT):
            Alarm.objects.clear(kind, str(obj.guild_id))
        super().delete_model(request, obj)


@admin.register(AlarmNotice)
class AlarmNoticeAdmin(History[AlarmNotice]):
    intro = _(
        "Messages to the operator's channel (OPERATOR_CHANNEL in the settings), and what became of each."
    )
    empty_hint = _("The operator has been told nothing yet.")
    list_display = ["created_at", "kind", "alarm", "delivery_shown", "sent_at", "error"]
    list_select_related = ["alarm"]
    list_filter = ["state", "kind"]
    ordering = ["-id"]
    fields = [
        "alarm",
        "kind",
        "delivery_shown",
        "error",
        "created_at",
        "sent_at",
        "next_attempt_at",
        "tries",
    ]
    readonly_fields = ["delivery_shown"]

    @admin.display(description=_("delivery"), ordering="state")
    def delivery_shown(self, row: AlarmNotice) -> SafeString:
        return delivery_badge(row)


@admin.register(OptOut)
class OptOutAdmin(History[OptOut]):
    intro = _(
        "Players who wish not to be redeemed for. Only a keyed hash is kept, so that the list names nobody."
    )
    empty_hint = _("Nobody has opted out.")
    list_display = ["player_hash", "created_at"]
    ordering = ["-created_at"]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """With the way to the page that takes a player's wish."""
        here = {}
        if may_open(request.user):
            way = format_html(
                '<a href="{}">{}</a>', reverse("admin:player"), _("Take a player's wish")
            )
            here = {"intro": format_html("{} {}", self.intro, way)}
        return super().changelist_view(request, {**here, **(extra_context or {})})


@admin.register(Heartbeat)
class HeartbeatAdmin(History[Heartbeat]):
    intro = _(
        "When the periodic tasks last ran. The tick runs four times a second while everything is well."
    )
    empty_hint = _("Beat has not run yet.")
    list_display = ["name", "at"]
