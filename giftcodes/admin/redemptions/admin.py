"""Redemptions: the state of each code for each guild, and the actions on runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from giftcodes.admin.common.action_report import Report
from giftcodes.admin.common.adders import adders_of
from giftcodes.admin.common.base import History
from giftcodes.admin.common.html import NOTHING, link, result_badge, served_bar
from giftcodes.admin.common.triggers import TriggerFilter, trigger_words
from giftcodes.admin.redemptions.redemption_page import context
from giftcodes.admin.redemptions.runs import MOST, redeem_now, resume, stop_now
from giftcodes.estimates import formatting
from giftcodes.estimates.queue_snapshot import read_outlooks
from giftcodes.models import Redemption, RunState, Trigger
from giftcodes.queries import scope
from giftcodes.queries.served import served_in

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

    from giftcodes.domain.served import Served
    from giftcodes.estimates.forecast import Outlook

#: The states in which an end can be estimated.
_EXPECTED = (RunState.RUNNING, RunState.PENDING)


@admin.register(Redemption)
class RedemptionAdmin(History):
    intro = _("Each code for each guild. While a redemption runs, a second start is refused.")
    empty_hint = _(
        "No redemptions yet: they appear as soon as there is a guild and a code of its game."
    )

    list_display = [
        "__str__",
        "state_shown",
        "progress",
        "left",
        "started_by",
        "locked_at",
        "unlocked_at",
    ]
    phone_columns = ("__str__", "state_shown", "progress")
    list_select_related = ["guild", "gift_code", "triggered_by"]
    list_filter = ["state", ("trigger", TriggerFilter), "gift_code__provider", "guild"]
    linked_lookups = ("gift_code__id__exact",)
    search_fields = [
        "gift_code__code",
        "guild__name",
        "=member_redemptions__player_id",
        "member_redemptions__member__nickname",
    ]
    search_help_text = _("Code, guild, player ID or nickname")
    actions = ["redeem_now", "retry", "stop", "resume"]
    fieldsets = [
        # The values that change during a run are above the form, in parts that update.
        (
            None,
            {
                "fields": [
                    "guild_link",
                    "code_link",
                    "started_by",
                    "last_served_at",
                ]
            },
        ),
    ]
    readonly_fields = ("guild_link", "code_link", "started_by")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Redemption]:
        return super().get_queryset(request).select_related(*self.list_select_related)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Redemption:
        """The redemption of a page, with the person who started it.

        Raises:
            Http404: there is no such redemption, or this person may not see it.
        """
        row: Redemption = super().get_object(request, object_id, from_field)
        _add_starters([row], request.user)
        return row

    def page_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        """The progress, the journal, the members without the code, and the buttons."""
        return context(self.get_object(request, unquote(object_id)), request.user)

    def decorate(self, request: HttpRequest, rows: list[Redemption]) -> None:
        """Add the number of members in each share, and the estimate if the redemption has one."""
        numbers = served_in(rows)
        is_any_expected = any(redemption.state in _EXPECTED for redemption in rows)
        outlooks = read_outlooks().by_redemption if is_any_expected else {}
        tells_others = scope.sees_all(request.user)
        _add_starters(rows, request.user)
        for redemption in rows:
            redemption.tells_others = tells_others  # type: ignore[attr-defined]
            redemption.served = numbers[redemption.pk]  # type: ignore[attr-defined]
            redemption.outlook = outlooks.get(redemption.pk)  # type: ignore[attr-defined]

    @admin.display(description=_("result"), ordering="state")
    def state_shown(self, redemption: Redemption) -> SafeString:
        served: Served = redemption.served  # type: ignore[attr-defined]
        return result_badge(redemption.result(served))

    @admin.display(description=_("members who have the code"))
    def progress(self, redemption: Redemption) -> SafeString | str:
        served: Served = redemption.served  # type: ignore[attr-defined]
        if not served.total:
            return served.words
        return format_html("{} {}", served.words, served_bar(served))

    @admin.display(description=_("left"))
    def left(self, redemption: Redemption) -> str:
        """The estimated time left, and the number of requests of other runs before this run ends.

        Officers do not see the number, because it tells what other guilds do.
        """
        outlook: Outlook | None = redemption.outlook  # type: ignore[attr-defined]
        served: Served = redemption.served  # type: ignore[attr-defined]
        if not outlook or not served.total:
            return NOTHING
        tells_others: bool = redemption.tells_others  # type: ignore[attr-defined]
        ahead = outlook.ahead_of_last if tells_others else 0
        others = (
            ngettext("after %d request of others", "after %d requests of others", ahead) % ahead
        )
        return f"{formatting.left(outlook)}, {others}" if ahead else formatting.left(outlook)

    @admin.display(description=_("started by"), ordering="trigger")
    def started_by(self, redemption: Redemption) -> str:
        """The person who asked for the last run or added the code, or else what requested it."""
        starter: str = redemption.starter  # type: ignore[attr-defined]
        if redemption.trigger == Trigger.ADMIN and starter:
            return starter
        trigger = trigger_words(redemption.trigger)
        return f"{trigger}: {starter}" if starter else trigger

    @admin.display(description=_("guild"))
    def guild_link(self, redemption: Redemption) -> SafeString:
        return link(redemption.guild)

    @admin.display(description=_("gift code"))
    def code_link(self, redemption: Redemption) -> SafeString:
        return link(redemption.gift_code)

    # --- Actions ------------------------------------------------------------------------------
    @admin.action(description=_("Redeem now"), permissions=["redeem"])
    def redeem_now(self, request: HttpRequest, redemptions: QuerySet[Redemption]) -> None:
        """Start the chosen redemptions again for the members who do not have the code."""
        report = Report()
        pairs = redemptions.values_list("guild_id", "gift_code_id")[: MOST + 1]
        redeem_now(pairs, user_id=request.user.pk, report=report)
        report.tell(request)

    @admin.action(description=_("Retry unsettled"), permissions=["redeem"])
    def retry(self, request: HttpRequest, redemptions: QuerySet[Redemption]) -> None:
        """Start the chosen redemptions again, unless all members have the code."""
        report = Report()
        pairs = []
        for redemption in self._few(redemptions, report):
            if redemption.member_redemptions.unsettled().exists():
                pairs.append((redemption.guild_id, redemption.gift_code_id))
            else:
                report.nothing(gettext("%s: all members have the code.") % redemption)
        redeem_now(pairs, user_id=request.user.pk, report=report)
        report.tell(request)

    @admin.action(description=_("Stop"), permissions=["redeem"])
    def stop(self, request: HttpRequest, redemptions: QuerySet[Redemption]) -> None:
        """Let requests under way finish. After that, only unconfirmed requests are repeated."""
        report = Report()
        stop_now(self._few(redemptions, report), user_id=request.user.pk, report=report)
        report.tell(request)

    @admin.action(description=_("Resume"), permissions=["redeem"])
    def resume(self, request: HttpRequest, redemptions: QuerySet[Redemption]) -> None:
        """Continue stopped runs."""
        report = Report()
        resume(self._few(redemptions, report), user_id=request.user.pk, report=report)
        report.tell(request)

    def _few(self, redemptions: QuerySet[Redemption], report: Report) -> list[Redemption]:
        """The chosen redemptions, or none if there are too many for one request."""
        chosen = list(redemptions[: MOST + 1])
        if len(chosen) <= MOST:
            return chosen
        report.refused(gettext("Choose fewer redemptions: at most %d at once.") % MOST)
        return []


def _add_starters(rows: list[Redemption], person: Any) -> None:
    """Set `starter`: the person who asked for the last run, or who added the code of a first run.

    It is empty if there is no such person, or if the reader may not know the name. This takes one
    statement.
    """
    first = [
        row
        for row in rows
        if row.trigger == Trigger.ADMIN and row.run_number == 1 and row.triggered_by is None
    ]
    adders = adders_of({row.gift_code_id for row in first}, person)
    for row in rows:
        row.starter = ""  # type: ignore[attr-defined]
        if row.triggered_by:
            row.starter = row.triggered_by.get_username()  # type: ignore[attr-defined]
    for row in first:
        row.starter = adders.get(row.gift_code_id, "")  # type: ignore[attr-defined]
