"""The admin of gift codes: add, redeem, close, reopen and reissue them.

A deleted code keeps its row and its history.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from giftcodes import tasks
from giftcodes.admin.codes.code_entry import CodeEntry
from giftcodes.admin.codes.code_form import must_propose
from giftcodes.admin.codes.code_page import context, fields_seen
from giftcodes.admin.codes.origin import source_words
from giftcodes.admin.codes.reissue import reissue_codes
from giftcodes.admin.codes.skip import skip
from giftcodes.admin.common.action_report import Report
from giftcodes.admin.common.adders import adders_of
from giftcodes.admin.common.choice_filter import ChoicesInWords
from giftcodes.admin.common.editing import KeepsHistory
from giftcodes.admin.common.html import (
    NOTHING,
    badge,
    list_link,
    list_url,
    page_url,
    result_badge,
    served_bar,
)
from giftcodes.admin.common.served import codes_served
from giftcodes.admin.redemptions.redeem_preview import Line, chosen_of, lines_of
from giftcodes.admin.redemptions.redeem_preview import context as preview
from giftcodes.admin.redemptions.runs import redeem_now
from giftcodes.domain.sentences import Sentence
from giftcodes.models import (
    CodeState,
    GiftCode,
    Redemption,
    Source,
    Trigger,
)
from giftcodes.pipeline import code_lifecycle as codes_step
from giftcodes.queries import scope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

    from giftcodes.queries.served import CodeServed

_BUTTONS: dict[CodeState, list[tuple[str, Any]]] = {
    CodeState.ACTIVE: [("redeem_now", ""), ("skip_codes", ""), ("close_codes", "")],
    CodeState.PROBING: [("reopen_codes", ""), ("skip_codes", ""), ("close_codes", "")],
    CodeState.CLOSED: [("reopen_codes", ""), ("reissue_codes", "")],
    CodeState.DELETED: [("reopen_codes", _("Bring back"))],
}


class SourceFilter(ChoicesInWords):
    """A filter by where the code came from."""

    def words(self, value: str) -> str:
        return source_words(value)


@admin.register(GiftCode)
class GiftCodeAdmin(CodeEntry):
    intro = _("The feeds add codes automatically. A code that you add is redeemed at once.")
    empty_hint = _("No codes yet. The feed adds codes, or you can add one by hand.")
    retire_words = _(
        "The code is closed permanently: it is no longer redeemed for any member, and the feed "
        "cannot add it again. Its history stays, and “Bring back” on its page undoes this."
    )

    list_display = [
        "__str__",
        "provider",
        "state_shown",
        "result_shown",
        "served_shown",
        "runs_shown",
        "source_shown",
        "expires_at",
        "reason",
    ]
    phone_columns = ("__str__", "result_shown", "served_shown")
    list_filter = ["state", "provider", ("source", SourceFilter)]
    search_fields = ["code"]
    actions = [
        "redeem_now",
        "skip_codes",
        "reopen_codes",
        "reissue_codes",
        "close_codes",
        "delete_codes",
    ]
    fieldsets = [
        (None, {"fields": ["provider", "code", "published_on", "expires_at", "rewards"]}),
    ]

    def buttons_of(self, row: GiftCode) -> list[tuple[str, Any]]:
        """The actions that are possible in the state of the code.

        An old issue has none, because only the newest issue of a code can be open.
        """
        if row.state != CodeState.ACTIVE and row.newer_issues().exists():
            return []
        return _BUTTONS[CodeState(row.state)]

    def page_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        """What the page shows besides the fields, such as the reasons for the state of the code."""
        code = self.get_object(request, unquote(object_id))
        seen = fields_seen(self, request, code)
        return {**context(code, request.user), "fields_seen": seen}

    def get_fieldsets(self, request: HttpRequest, obj: GiftCode | None = None) -> Any:
        """The fields that a person may enter for a new code, or may look at for a stored one.

        Officers enter an end and rewards only in a proposal: see `clear_unchecked`.
        """
        if obj or scope.sees_all(request.user):
            return self.fieldsets
        checked = ["expires_at", "rewards"] if must_propose(request.user) else []
        return [(None, {"fields": ["provider", "code", *checked]})]

    def get_readonly_fields(self, request: HttpRequest, obj: GiftCode | None = None) -> list[str]:  # noqa: ARG002
        """The game and the spelling cannot be changed, because they identify the code."""
        return ["provider", "code"] if obj else []

    def decorate(self, request: HttpRequest, rows: list[GiftCode]) -> None:
        """Add what has come of each code in the guilds of the person, and who added it.

        It takes three statements at most.
        """
        found = codes_served(rows, request.user)
        adders = adders_of((code.pk for code in rows if code.source == Source.ADMIN), request.user)
        for code in rows:
            code.found = found[code.pk]  # type: ignore[attr-defined]
            code.adder = adders.get(code.pk, "")  # type: ignore[attr-defined]

    @admin.display(description=pgettext_lazy("of a row", "state"), ordering="state")
    def state_shown(self, code: GiftCode) -> SafeString:
        return badge(code.state, code.get_state_display())

    @admin.display(description=_("result"))
    def result_shown(self, code: GiftCode) -> SafeString | str:
        """What has come of the code in the guilds of the person."""
        found: CodeServed = code.found  # type: ignore[attr-defined]
        return result_badge(found.result) if found.guilds else NOTHING

    @admin.display(description=_("members who have the code"))
    def served_shown(self, code: GiftCode) -> SafeString | str:
        """How many members of the person's guilds have the code, in all, with a bar."""
        found: CodeServed = code.found  # type: ignore[attr-defined]
        if not found.served.total:
            return NOTHING
        return format_html("{} {}", found.served.words, served_bar(found.served))

    @admin.display(description=_("guilds"))
    def runs_shown(self, code: GiftCode) -> SafeString | str:
        """The number of guilds that have a redemption of the code, linked to the redemptions."""
        found: CodeServed = code.found  # type: ignore[attr-defined]
        if not found.guilds:
            return NOTHING
        words = ngettext("%d guild", "%d guilds", found.guilds) % found.guilds
        return list_link(Redemption, words, gift_code__id__exact=code.pk)

    @admin.display(description=_("source"), ordering="source")
    def source_shown(self, code: GiftCode) -> str:
        """Where the code came from, with the name of who added it if the reader may know it."""
        return source_words(code.source, code.adder)  # type: ignore[attr-defined]

    # --- Actions ------------------------------------------------------------------------------
    @admin.action(description=_("Redeem now …"), permissions=["redeem"])
    def redeem_now(self, request: HttpRequest, codes: QuerySet[GiftCode]) -> HttpResponse | None:
        """Show the effects for each guild. After confirmation, redeem for the chosen guilds."""
        report = Report()
        lines = lines_of(codes, request.user, report)
        chosen = chosen_of(lines, request)
        if lines and "confirm" not in request.POST:
            report.tell(request, is_silent=True)
            page = {**self.admin_site.each_context(request), **preview(lines, chosen, request)}
            page["list_url"] = self.list_url
            return TemplateResponse(request, "admin/giftcodes/redeem_preview.html", page)
        redeem_now([line.pair for line in chosen], user_id=request.user.pk, report=report)
        report.tell(request)
        return HttpResponseRedirect(_results_url(chosen)) if chosen else None

    @admin.action(description=_("Skip for a guild …"), permissions=["redeem"])
    def skip_codes(self, request: HttpRequest, codes: QuerySet[GiftCode]) -> HttpResponse | None:
        """Ask for the guilds, and stop redeeming the codes for them."""
        return skip(request, self, codes)

    @admin.action(description=_("Reissue …"), permissions=["code"])
    def reissue_codes(self, request: HttpRequest, codes: QuerySet[GiftCode]) -> HttpResponse | None:
        """Show what a new issue of closed codes means. After confirmation, make it."""
        return reissue_codes(request, self, codes)

    @admin.action(description=_("Reopen code"), permissions=["code"])
    def reopen_codes(self, request: HttpRequest, codes: QuerySet[GiftCode]) -> None:
        """Open codes again. Runs that a person stopped stay stopped."""
        report = Report()
        for code in codes:
            end = code.expires_at
            if obstacle := codes_step.reopen(
                code.pk, trigger=Trigger.ADMIN, user_id=request.user.pk
            ):
                report.refused(obstacle)
                continue
            tasks.enqueue_on_commit(tasks.fan_out, code.pk, Trigger.CATCH_UP)
            code.refresh_from_db(fields=["expires_at"])
            self.log_change(request, code, Sentence.of("did_reopen"))
            words = gettext(
                "Code %s is open again, and is redeemed for members who do not have it."
            )
            about_end = _about_end(end, is_kept=bool(code.expires_at)) if end else ""
            report.done(f"{words % code} {about_end}".strip())
        report.tell(request)

    @admin.action(description=_("Close code"), permissions=["code"])
    def close_codes(self, request: HttpRequest, codes: QuerySet[GiftCode]) -> None:
        """Close codes. No more requests are sent for them."""
        report = Report()
        reason = Sentence.of("code_closed_by", user=str(request.user))
        for code in codes:
            self._close(request, code, reason=reason, forever=False, report=report)
        report.tell(request)

    @admin.action(description=KeepsHistory.retire_action_words, permissions=["delete"])
    def delete_codes(self, request: HttpRequest, codes: QuerySet[GiftCode]) -> None:
        """Retire the codes. This replaces Django's bulk deletion."""
        report = Report()
        self.retire(request, codes, report)
        report.tell(request)

    def retire(self, request: HttpRequest, rows: Iterable[GiftCode], report: Report) -> None:
        """Close codes permanently. Their rows stay, so that the feed cannot add them again."""
        reason = Sentence.of("code_deleted_by", user=str(request.user))
        for code in rows:
            self._close(request, code, reason=reason, forever=True, report=report)

    def _close(
        self, request: HttpRequest, code: GiftCode, *, reason: str, forever: bool, report: Report
    ) -> None:
        if obstacle := codes_step.close(
            code.pk, reason=reason, user_id=request.user.pk, forever=forever
        ):
            report.refused(obstacle)
            return
        tasks.enqueue_on_commit(tasks.close_code, code.pk)
        self.log_change(request, code, reason)
        if forever:
            report.done(
                gettext("Code %s is deleted. Its history stays, and the feed cannot add it again.")
                % code
            )
        else:
            report.done(
                gettext("Code %s is closed: it is no longer redeemed for any member.") % code
            )


def _about_end(end: dt.datetime, *, is_kept: bool) -> str:
    """What has become of the end of a code that was reopened."""
    words = gettext("Its end stays: %s.")
    if not is_kept:
        words = gettext(
            "Its end (%s) had passed, so it was removed. If the code ends later, set the new end "
            "on its page."
        )
    return words % date_format(timezone.localtime(end), "DATETIME_FORMAT")


def _results_url(lines: list[Line]) -> str:
    """The address of the page for one redemption, or of the list for several."""
    if len(lines) == 1:
        row = Redemption.objects.filter(guild=lines[0].guild, gift_code=lines[0].code).first()
        if row:
            return page_url(row)
    codes = {line.code.pk for line in lines}
    filters = {"gift_code__id__exact": codes.pop()} if len(codes) == 1 else {}
    return list_url(Redemption, **filters)
