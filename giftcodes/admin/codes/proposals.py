"""Proposed codes, of officers and of feeds: the list, and the decisions of administrators."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Q
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from giftcodes import tasks
from giftcodes.admin.common.action_report import Report
from giftcodes.admin.common.base import History
from giftcodes.admin.common.confirmation import log
from giftcodes.admin.common.html import NOTHING, badge, link
from giftcodes.domain.sentences import Sentence
from giftcodes.domain.text import clean_name, one_line
from giftcodes.models import CodeProposal, Trigger
from giftcodes.models.code_proposal import KNOWN_WORDS, ProposalState
from giftcodes.queries import scope
from giftcodes.services.code_proposals import approve, reject

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

_BADGES = {
    ProposalState.WAITING: "paused",
    ProposalState.APPROVED: "active",
    ProposalState.REJECTED: "failed",
}
_ANSWER_LENGTH = 200
#: How many proposals Home shows, and how long it shows a decided proposal.
SHOWN = 10
TOLD_FOR = dt.timedelta(days=7)


@admin.register(CodeProposal)
class CodeProposalAdmin(History):
    intro = _(
        "Codes that officers entered, and codes of feeds whose new codes wait for an "
        "administrator. An administrator decides whether they are redeemed."
    )
    empty_hint = _("No code has been proposed.")
    list_display = [
        "__str__",
        "provider",
        "state_shown",
        "proposer",
        "proposed_at",
        "decided_by",
        "answer",
    ]
    list_select_related = ["proposed_by", "feed", "decided_by", "gift_code"]
    list_filter = ["state", "provider"]
    search_fields = ["code"]
    actions = ["approve", "reject"]
    readonly_fields = ("state_shown", "proposer", "decider", "code_link")

    def get_queryset(self, request: HttpRequest) -> QuerySet[CodeProposal]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.with_known()  # type: ignore[attr-defined, no-any-return]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002
        """Leave out the decision as long as there is none."""
        proposed = ["provider", "code", "expires_at", "rewards", "proposer", "proposed_at"]
        decided = ["decider", "decided_at", "answer", "code_link"]
        is_waiting = obj is None or obj.state == ProposalState.WAITING
        fields = ["state_shown", *proposed, *([] if is_waiting else decided)]
        return [(None, {"fields": fields})]

    def buttons_of(self, row: CodeProposal) -> list[tuple[str, Any]]:
        """The buttons “Approve” and “Reject”, until someone has decided."""
        is_waiting = row.state == ProposalState.WAITING
        return [("approve", ""), ("reject", "")] if is_waiting else []

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Whether the user may approve and reject proposals. Officers may not."""
        return may_decide(request.user)

    @admin.display(description=pgettext_lazy("of a row", "state"), ordering="state")
    def state_shown(self, row: CodeProposal) -> SafeString:
        return state_badge(row)

    # Names without links, because officers may not open the pages of users.
    @admin.display(description=_("proposed by"), ordering="proposed_by")
    def proposer(self, row: CodeProposal) -> str:
        return row.proposer

    @admin.display(description=_("decided by"))
    def decider(self, row: CodeProposal) -> str:
        return str(row.decided_by) if row.decided_by else NOTHING

    @admin.display(description=_("gift code"))
    def code_link(self, row: CodeProposal) -> SafeString | str:
        return link(row.gift_code) if row.gift_code else NOTHING

    @admin.action(description=_("Approve"), permissions=["decide"])
    def approve(self, request: HttpRequest, rows: QuerySet[CodeProposal]) -> None:
        """Add the codes, and redeem them at once."""
        report = Report()
        for row in rows:
            decision = approve(row.pk, user_id=request.user.pk)
            if not decision.is_made or decision.gift_code is None:
                report.nothing(gettext("Another person has decided about code %s.") % row)
                continue
            code = decision.gift_code
            if decision.must_fan_out:
                tasks.enqueue_on_commit(tasks.fan_out, code.pk, Trigger.ADMIN, request.user.pk)
            # Officers of all guilds read these words in the code's history, so these name no one.
            key = "did_approve_listed" if row.feed_id else "did_approve_proposed"
            log(request, [code], Sentence.of(key))
            log(request, [row], Sentence.of("did_approve"))
            told = gettext("Code {} is approved, and is being redeemed now.")
            if row.proposed_by:
                told = gettext(
                    "Code {} is approved, and is being redeemed now. {} sees the decision on Home."
                )
            report.done(format_html(told, link(code), row.proposer))
        report.tell(request)

    @admin.action(description=_("Reject"), permissions=["decide"])
    def reject(self, request: HttpRequest, rows: QuerySet[CodeProposal]) -> None:
        """Reject the proposals. A reason in the form field `answer` is shown to the officers."""
        report = Report()
        answer = one_line(clean_name(request.POST.get("answer", "")), _ANSWER_LENGTH)
        for row in rows:
            if not reject(row.pk, user_id=request.user.pk, answer=answer).is_made:
                report.nothing(gettext("Another person has decided about code %s.") % row)
                continue
            log(request, [row], Sentence.of("did_reject"))
            words = gettext("Code %(code)s is rejected.")
            if row.proposed_by:
                words = gettext("Code %(code)s is rejected. %(officer)s sees the decision on Home.")
            report.done(words % {"code": row, "officer": row.proposer})
        report.tell(request)


def may_decide(person: scope.Person) -> bool:
    """Whether a person may approve and reject proposals."""
    return scope.sees_all(person) and bool(
        person.has_perms(["giftcodes.add_giftcode", "giftcodes.change_codeproposal"])
    )


def proposals_for(person: scope.Person) -> dict[str, Any]:
    """What Home shows: proposals to decide, or the results of the person's own proposals.

    Returns:
        `to_decide`: the oldest waiting proposals, for a person who may decide. `to_decide_more`:
        how many more there are. `own_proposals`: the person's proposals that wait, or were decided
        in the last `TOLD_FOR`, each with its badge.
    """
    if may_decide(person):
        waiting = (
            CodeProposal.objects.waiting().select_related("proposed_by", "feed").order_by("pk")
        )
        more = max(0, waiting.count() - SHOWN)
        return {"to_decide": waiting[:SHOWN], "to_decide_more": more, "own_proposals": []}
    recent = Q(state=ProposalState.WAITING) | Q(decided_at__gte=timezone.now() - TOLD_FOR)
    own = CodeProposal.objects.with_known().filter(recent, proposed_by=person)
    rows = list(own.select_related("gift_code")[:SHOWN])
    told = [{"row": row, "badge": state_badge(row)} for row in rows]
    return {"to_decide": [], "to_decide_more": 0, "own_proposals": told}


def state_badge(row: CodeProposal) -> SafeString:
    """The badge for a proposal's state. The row must have `is_known`, which `with_known` adds."""
    if row.state == ProposalState.WAITING and row.is_known:  # type: ignore[attr-defined]
        return badge("active", KNOWN_WORDS)
    state = ProposalState(row.state)
    return badge(_BADGES[state], state.label)
