"""Redemptions: how each code stands for each guild, and the buttons that start, stop and resume it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import Count
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from giftcodes.admin.common.action_report import Report
from giftcodes.admin.common.base import History
from giftcodes.admin.common.html import NOTHING, badge, link
from giftcodes.admin.redemptions.redemption_page import context
from giftcodes.admin.redemptions.runs import MOST, redeem_now, resume, stop_now
from giftcodes.domain.transitions import SETTLED, State
from giftcodes.estimates import formatting
from giftcodes.estimates.queue_snapshot import read
from giftcodes.models import MemberRedemption, Redemption, RunState

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

    from giftcodes.estimates.forecast import Outlook

#: States in which something is to be expected.
_EXPECTED = (RunState.RUNNING, RunState.PENDING)


@admin.register(Redemption)
class RedemptionAdmin(History[Redemption]):
    intro = _("Each code for each guild. A run is locked: while it runs, a second one is refused.")
    empty_hint = _(
        "No redemptions yet: they appear as soon as there is a guild, and a code of its game."
    )

    list_display = [
        "__str__",
        "state_shown",
        "progress",
        "left",
        "asked_by",
        "locked_at",
        "unlocked_at",
    ]
    list_select_related = ["guild", "gift_code", "triggered_by"]
    list_filter = ["state", "trigger", "gift_code__provider", "guild"]
    search_fields = [
        "gift_code__code",
        "guild__name",
        "=member_redemptions__player_id",
        "member_redemptions__member__nickname",
    ]
    search_help_text = _("Code, guild, player ID or nickname")
    actions = ["redeem_now", "retry", "stop", "resume"]
    buttons = ("redeem_now", "retry", "stop", "resume")
    fieldsets = [
        # What changes while it runs stands above, where it changes by itself.
        (
            None,
            {"fields": ["guild_link", "code_link", "trigger", "triggered_by", "last_served_at"]},
        ),
    ]
    readonly_fields = ("guild_link", "code_link")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Redemption]:
        return super().get_queryset(request).select_related(*self.list_select_related)

    def page_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        """Its progress, its journal, and who has not got the code."""
        return context(self.get_object(request, unquote(object_id)))

    def decorate(self, request: HttpRequest, rows: list[Redemption]) -> None:  # noqa: ARG002
        """How many members of each redemption are in which state, and what is to be expected of those that run."""
        tallies: dict[int, dict[State, int]] = defaultdict(dict)
        found = (
            MemberRedemption.objects.filter(redemption__in=rows)
            .order_by()
            .values_list("redemption", "state")
        )
        for redemption_id, state, number in found.annotate(number=Count("pk")):
            tallies[redemption_id][State(state)] = number
        for redemption in rows:
            redemption.shares = tallies[redemption.pk]  # type: ignore[attr-defined]
        is_asked_for = any(redemption.state in _EXPECTED for redemption in rows)
        outlooks = read().by_redemption if is_asked_for else {}
        for redemption in rows:
            redemption.outlook = outlooks.get(redemption.pk)  # type: ignore[attr-defined]

    @admin.display(description=_("state"), ordering="state")
    def state_shown(self, redemption: Redemption) -> SafeString:
        if redemption.is_stopping:
            return badge("stopping", _("stopping"))
        return badge(redemption.state, redemption.get_state_display())

    @admin.display(description=_("members who have it"))
    def progress(self, redemption: Redemption) -> str:
        shares: dict[State, int] = redemption.shares  # type: ignore[attr-defined]
        settled = sum(number for state, number in shares.items() if state in SETTLED)
        return gettext("%(settled)d of %(all)d") % {"settled": settled, "all": sum(shares.values())}

    @admin.display(description=_("left"))
    def left(self, redemption: Redemption) -> str:
        """The time, and the requests of others that come before its last one."""
        outlook: Outlook | None = redemption.outlook  # type: ignore[attr-defined]
        if not outlook:
            return NOTHING
        ahead = outlook.ahead_of_last
        others = (
            ngettext("%d request of others before", "%d requests of others before", ahead) % ahead
        )
        return f"{formatting.left(outlook)}, {others}" if ahead else formatting.left(outlook)

    @admin.display(description=_("asked by"), ordering="trigger")
    def asked_by(self, redemption: Redemption) -> str:
        """What asked for the last run, and who where it was a person."""
        trigger = redemption.get_trigger_display() or NOTHING
        return f"{trigger}: {redemption.triggered_by}" if redemption.triggered_by else trigger

    @admin.display(description=_("guild"))
    def guild_link(self, redemption: Redemption) -> SafeString:
        return link(redemption.guild)

    @admin.display(description=_("gift code"))
    def code_link(self, redemption: Redemption) -> SafeString:
        return link(redemption.gift_code)

    # --- Actions --------------------------------------------------------------------------------------------------
    @admin.action(description=_("Redeem now"), permissions=["redeem"])
    def redeem_now(self, request: HttpRequest, redemptions: QuerySet[Redemption]) -> None:
        """Start these again, for those who have not got the code."""
        report = Report()
        pairs = redemptions.values_list("guild_id", "gift_code_id")[: MOST + 1]
        redeem_now(pairs, user_id=request.user.pk, report=report)
        report.tell(request)

    @admin.action(description=_("Retry unsettled"), permissions=["redeem"])
    def retry(self, request: HttpRequest, redemptions: QuerySet[Redemption]) -> None:
        """Start these again where somebody has not got the code, and leave the others alone."""
        report = Report()
        pairs = []
        for redemption in self._few(redemptions, report):
            if redemption.member_redemptions.unsettled().exists():
                pairs.append((redemption.guild_id, redemption.gift_code_id))
            else:
                report.nothing(gettext("%s: everybody has it.") % redemption)
        redeem_now(pairs, user_id=request.user.pk, report=report)
        report.tell(request)

    @admin.action(description=_("Stop"), permissions=["redeem"])
    def stop(self, request: HttpRequest, redemptions: QuerySet[Redemption]) -> None:
        """Let requests under way finish, and send no more."""
        report = Report()
        stop_now(self._few(redemptions, report), user_id=request.user.pk, report=report)
        report.tell(request)

    @admin.action(description=_("Resume"), permissions=["redeem"])
    def resume(self, request: HttpRequest, redemptions: QuerySet[Redemption]) -> None:
        """Go on with what was stopped."""
        report = Report()
        resume(self._few(redemptions, report), user_id=request.user.pk, report=report)
        report.tell(request)

    def _few(self, redemptions: QuerySet[Redemption], report: Report) -> list[Redemption]:
        """All that are chosen, or none where it would take too long."""
        chosen = list(redemptions[: MOST + 1])
        if len(chosen) <= MOST:
            return chosen
        report.refused(gettext("Choose fewer redemptions: at most %d at once.") % MOST)
        return []
