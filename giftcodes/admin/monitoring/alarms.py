"""Alarms: the problems that need a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin
from django.db.models import Q
from django.http import HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from giftcodes.admin.common.base import History
from giftcodes.admin.common.html import NOTHING, badge, link
from giftcodes.admin.common.search_limits import search_problem
from giftcodes.admin.monitoring.announcements import delivery_badge
from giftcodes.domain.sentences import keys_that_say, stored_key
from giftcodes.domain.text import clean_name
from giftcodes.models import Alarm
from giftcodes.models.alarm import SUBJECT_MODELS, AlarmQuerySet
from giftcodes.models.fields import without_notes
from giftcodes.models.game_words import title_of

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString


class StandingFilter(admin.SimpleListFilter):
    title = pgettext_lazy("of a row", "state")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return [("yes", _("standing")), ("no", _("cleared"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        wanted = self.value()
        return queryset if wanted is None else queryset.filter(cleared_at__isnull=wanted == "yes")


@admin.register(Alarm)
class AlarmAdmin(History):
    intro = _(
        "Problems that need a person, now and earlier. An alarm is raised if its cause lasts, and "
        "is cleared when the cause is gone. A problem that ends before its alarm is raised is not "
        "kept."
    )
    list_display = ["raised_at", "kind", "state_shown", "message", "cleared_at"]
    list_filter = [StandingFilter, "kind"]
    search_fields = ["message", "subject"]
    fields = ["kind", "state_shown", "about", "message", "raised_at", "cleared_at", "notices"]
    readonly_fields = ["state_shown", "about", "notices"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alarm]:
        """Leave out alarms that are only suspected, unless Home lists them already."""
        rows = super().get_queryset(request)
        assert isinstance(rows, AlarmQuerySet)
        return rows.listed()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Say in an empty list which page shows smaller problems that need a person."""
        words = _('No alarms. <a href="{}">Home</a> lists what needs a person now.')
        hint = {"empty_hint": format_html(str(words), reverse("admin:index"))}
        shown = super().changelist_view(request, {**hint, **(extra_context or {})})
        assert isinstance(shown, HttpResponse)
        return shown

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search for the words of messages, too: the database stores only their keys and values."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        if search_problem(search_term):
            return found, may_repeat
        rows = queryset
        for word in clean_name(search_term).split():
            condition = Q(message__icontains=word) | Q(subject__icontains=word)
            for key in keys_that_say(word):
                condition |= Q(message__contains=stored_key(key))
            rows = rows.filter(condition)
        return found | without_notes(rows), may_repeat

    @admin.display(description=pgettext_lazy("of a row", "state"), ordering="cleared_at")
    def state_shown(self, alarm: Alarm) -> SafeString:
        if alarm.cleared_at:
            return badge("cleared", _("cleared"))
        if alarm.raised_at is None:
            return badge("suspected", _("not raised yet"))
        return badge("standing", _("standing"))

    @admin.display(description=_("about"))
    def about(self, alarm: Alarm) -> SafeString | str:
        """The subject of the alarm, with a link to the subject's page if there is one."""
        name = SUBJECT_MODELS.get(alarm.kind)
        if name is None:
            return alarm.subject
        row = apps.get_model("giftcodes", name)._default_manager.filter(pk=alarm.subject).first()
        return link(row) if row else title_of(alarm.subject)

    @admin.display(description=_("notices to the operator"))
    def notices(self, alarm: Alarm) -> SafeString | str:
        """The delivery state of each message to the operator's channel."""
        shown = [
            (notice.get_kind_display(), delivery_badge(notice), notice.error)
            for notice in alarm.notices.order_by("pk")
        ]
        return format_html_join(" · ", "{}: {} {}", shown) or NOTHING
