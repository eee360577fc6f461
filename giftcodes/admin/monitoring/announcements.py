"""The messages to the channels of guilds and of the operator, and the delivery of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from giftcodes.admin.common.base import History
from giftcodes.admin.common.html import NOTHING, badge, link
from giftcodes.models import AlarmNotice, Announcement, Channel
from giftcodes.models.fields import without_notes
from giftcodes.queries import scope

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

#: The maximum number of paused channels that the list names.
MOST_PAUSED = 20
#: For each delivery state, the state whose badge has the right colour.
_COLOURS = {
    "waiting": "pending",
    "sent": "running",
    "done": "complete",
    "unknown": "unconfirmed",
    "gone": "failed",
}


def delivery_badge(row: Announcement | AlarmNotice) -> SafeString:
    """The delivery state of a message."""
    return badge(_COLOURS.get(row.state, row.state), row.get_state_display())


def paused_channels(person: Any) -> list[Channel]:
    """The channels of the person's guilds that are paused after a refusal, in one statement."""
    paused = Channel.objects.filter(refused_since__isnull=False, not_before__gt=timezone.now())
    rows = without_notes(scope.visible(paused.select_related("guild"), person))
    return list(rows.order_by("guild__name", "name")[:MOST_PAUSED])


@admin.register(Announcement)
class AnnouncementAdmin(History):
    intro = _("Messages to the channels of the guilds, and the delivery of each.")
    empty_hint = _(
        "Nothing has been announced yet. Runs are announced to guilds that have a channel."
    )
    list_display = [
        "created_at",
        "kind",
        "about",
        "channel",
        "delivery_listed",
        "sent_at",
        "edited_at",
        "error",
    ]
    phone_columns = ("created_at", "kind", "about", "delivery_listed")
    list_select_related = [
        "redemption__guild",
        "redemption__gift_code",
        "channel__guild",
        "alarm",
    ]
    list_filter = ["state", "kind", "redemption__gift_code__provider", "redemption__guild"]
    search_fields = ["redemption__guild__name", "redemption__gift_code__code"]
    search_help_text = _("Guild or code")
    ordering = ["-id"]
    fields = [
        "channel",
        "about",
        "run_number",
        "kind",
        "delivery_shown",
        "error",
        "created_at",
        "sent_at",
        "edited_at",
        "next_attempt_at",
        "tries",
        "message_id",
    ]
    readonly_fields = ["about", "delivery_shown"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Announcement]:
        return super().get_queryset(request).select_related(*self.list_select_related)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """The list, which says once for each paused channel until when it is paused."""
        paused = {"paused": paused_channels(request.user)}
        return super().changelist_view(request, {**paused, **(extra_context or {})})

    @admin.display(description=_("about"), ordering="redemption")
    def about(self, row: Announcement) -> SafeString | str:
        """A link to the redemption or the alarm that the message is about."""
        subject = row.redemption or row.alarm
        return NOTHING if subject is None else link(subject)

    @admin.display(description=_("delivery"), ordering="state")
    def delivery_listed(self, row: Announcement) -> SafeString:
        """The delivery state. If the message waits for its channel, a word says so."""
        channel = row.channel
        is_paused = row.is_unfinished and channel is not None and channel.is_resting
        return badge(_COLOURS["waiting"], _("channel paused")) if is_paused else delivery_badge(row)

    @admin.display(description=_("delivery"))
    def delivery_shown(self, row: Announcement) -> SafeString:
        """The delivery state. If the message waits for its channel, the text says until when."""
        badge_of_it = delivery_badge(row)
        channel = row.channel
        if not row.is_unfinished or channel is None or not channel.is_resting:
            return badge_of_it
        until = date_format(timezone.localtime(channel.not_before), "DATETIME_FORMAT")
        return format_html("{} {}", badge_of_it, _("The channel is paused until {}.").format(until))


@admin.register(AlarmNotice)
class AlarmNoticeAdmin(History):
    intro = _(
        "Messages to the operator's channel (OPERATOR_CHANNEL in the settings), and the delivery "
        "of each."
    )
    empty_hint = _("No message has been sent to the operator yet.")
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
