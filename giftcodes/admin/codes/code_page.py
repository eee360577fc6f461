"""The page of one code: its state, the answers that caused the state, and people's decisions."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from giftcodes.admin.codes.expected import expected
from giftcodes.admin.codes.origin import facts
from giftcodes.admin.common.html import (
    list_url,
    page_url,
    result_badge,
    served_bar,
    served_legend,
)
from giftcodes.admin.common.live import BUSY_SECONDS, IDLE_SECONDS, answer, parts_of
from giftcodes.admin.common.served import codes_served
from giftcodes.admin.monitoring.journal import journal_lines
from giftcodes.domain.numbers import row_id
from giftcodes.domain.outcomes import ODD_WORDS
from giftcodes.domain.sentences import reason_of
from giftcodes.domain.transitions import State
from giftcodes.models import (
    Attempt,
    CodeState,
    GiftCode,
    MemberRedemption,
    Redemption,
    RedemptionEvent,
)
from giftcodes.models.trial import trials
from giftcodes.queries import scope
from giftcodes.queries.code_evidence import (
    closing_answers,
    decisions,
    holding_answers,
    proving_answers,
)
from giftcodes.queries.served import with_results

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, JsonResponse

    from giftcodes.admin.common.base import Page

#: The parts of the page that change while a person looks at it.
PARTS = {
    "buttons": "admin/giftcodes/buttons.html",
    **{
        name: f"admin/giftcodes/giftcode/{name}.html"
        for name in ("served", "state", "origin", "changed")
    },
}
#: If a code is younger than this and has no runs yet, its page says that they begin soon.
NEW = dt.timedelta(minutes=10)
#: The number of guilds that the page shows. The linked list has the others.
GUILDS_SHOWN = 20
#: The number of decisions that the page shows. The journal has the others.
EVENTS_SHOWN = 20


def context(code: GiftCode, person: Any) -> dict[str, Any]:
    """The context of the page's template, in a fixed number of queries."""
    return {**_board(code, person), "parts": PARTS}


def _board(code: GiftCode, person: Any) -> dict[str, Any]:
    """What changes on the page while a person looks at it, except the buttons."""
    shows_times = scope.sees_times(code, person)
    newest = code.newer_issues().first()
    return {
        "newest": newest,
        "newest_url": page_url(newest) if newest else "",
        "is_end_past": bool(code.expires_at and code.expires_at <= timezone.now()),
        **_served(code, person),
        "back": page_url(code),
        "facts": facts(code, person, shows_times=shows_times),
        "journal_url": list_url(RedemptionEvent, gift_code__id__exact=code.pk),
        "oddities": _shown(holding_answers(code), person),
        "closers": _shown(closing_answers(code), person),
        "provers": _shown(
            proving_answers(code), person, foreign=_("The game has accepted this code.")
        ),
        "events": journal_lines(scope.visible(decisions(code), person)[:EVENTS_SHOWN], person),
        "shows_times": shows_times,
        "may_decide": person.has_perm("giftcodes.change_giftcode"),
        "may_redeem": person.has_perm("giftcodes.change_redemption"),
        # Opening a code again that has ended, or that the game does not know, is seldom right.
        "quiet_buttons": code.state in (CodeState.CLOSED, CodeState.DELETED),
    }


def live(request: HttpRequest, code_id: int) -> JsonResponse:
    """Respond with the parts of the page that change.

    The address says in `seen` what the fields of the page showed when it was loaded
    (`fields_seen`). If they would show something else now, the page says so.

    Raises:
        PermissionDenied: the person may not see codes.
        Http404: there is no such code, or this person may not see it.
    """
    if not request.user.has_perm("giftcodes.view_giftcode"):
        raise PermissionDenied
    codes = scope.visible(GiftCode.objects.all(), request.user)
    code = codes.filter(pk=pk).first() if (pk := row_id(str(code_id))) else None
    if code is None:
        raise Http404
    page = cast("Page", admin.site.get_model_admin(GiftCode))
    seen = request.GET.get("seen", "")
    shown = {
        **page.buttons_for(request, code),
        **_board(code, request.user),
        "are_fields_old": bool(seen) and seen != fields_seen(page, request, code),
    }
    return answer(parts_of(request, PARTS, shown), again_in_seconds=shown["again_in_seconds"])


def fields_seen(page: Page, request: HttpRequest, code: GiftCode) -> str:
    """A fingerprint of what the fields of the form show to the person.

    The other values of the page are in parts that update.
    """
    names = map(str, flatten_fieldsets(page.get_fieldsets(request, code)))
    shown = [(name, str(getattr(code, name))) for name in names]
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


def _served(code: GiftCode, person: Any) -> dict[str, Any]:
    """What has come of the code in the person's guilds."""
    found = codes_served([code], person)[code.pk]
    own = scope.visible(Redemption.objects.filter(gift_code=code), person)
    is_new = code.is_open and timezone.now() - code.first_seen_at < NEW
    return {
        "code": code,
        "is_on_trial": code.pk in trials(code.pk),
        "found": found,
        "is_new": is_new,
        "expected": expected(code, person) if is_new and not found.guilds else None,
        "again_in_seconds": BUSY_SECONDS if found.running or is_new else IDLE_SECONDS,
        "result_badge": result_badge(found.result),
        "bar": served_bar(found.served),
        "legend": served_legend(),
        "guilds": _guilds(own),
        "guilds_url": list_url(Redemption, gift_code__id__exact=code.pk),
        "needing": _needing(code, person, found.served.needs_you, found.unclear),
    }


def _needing(code: GiftCode, person: Any, needs_you: int, unclear: int) -> list[dict[str, str]]:
    """Links to those members of the person's guilds who need someone to act for this code.

    Args:
        code: the code.
        person: the person who looks at the page.
        needs_you: the number of these members.
        unclear: how many of them had no clear answer. The others are to be corrected.
    """
    if not needs_you or not person.has_perm("giftcodes.view_memberredemption"):
        return []
    wrong = needs_you - unclear
    kinds = (
        (
            State.NEEDS_CORRECTION,
            wrong,
            ngettext("%d member to correct", "%d members to correct", wrong),
        ),
        (
            State.FAILED,
            unclear,
            ngettext(
                "%d member without a clear answer", "%d members without a clear answer", unclear
            ),
        ),
    )
    return [
        {
            "url": list_url(
                MemberRedemption,
                state__exact=state.value,
                gift_code__id__exact=code.pk,
                member__active__exact=1,
                member__opted_out__exact=0,
            ),
            "words": words % number,
        }
        for state, number, words in kinds
        if number
    ]


def _guilds(redemptions: QuerySet[Redemption]) -> list[dict[str, Any]]:
    """The first guilds by name, each with its numbers."""
    rows = redemptions.select_related("guild", "gift_code").order_by("guild__name")
    return [
        {
            "guild": one.redemption.guild,
            "url": page_url(one.redemption),
            "served": one.served,
            "badge": result_badge(one.result),
            "bar": served_bar(one.served),
        }
        for one in with_results(rows[:GUILDS_SHOWN])
    ]


def _shown(attempts: list[Attempt], person: Any, *, foreign: str = "") -> list[dict[str, Any]]:
    """The answers as the template needs them.

    An officer may not learn from the time, the member or the number of answers what another guild
    does. So for an answer to a member of another guild, only its meaning for the code is shown. It
    is left out if an answer to one of the officer's own members says the same.

    Args:
        attempts: the attempts with the answers.
        person: the person who looks at them.
        foreign: the text for an answer for another guild's member. If it is empty, the meaning
            of the answer is shown.
    """
    these = Attempt.objects.filter(pk__in=[row.pk for row in attempts])
    own = set(scope.visible(these, person).values_list("pk", flat=True))
    shown: list[dict[str, Any]] = [
        {
            "at": row.answered_at,
            "words": _words(row),
            "is_own": True,
            "url": page_url(row),
            "member": row.member_redemption.member,
            "guild": row.member_redemption.redemption.guild,
        }
        for row in attempts
        if row.pk in own
    ]
    said = {_words(row) for row in attempts if row.pk in own}
    others = dict.fromkeys(
        foreign or _sentence(row)
        for row in attempts
        if row.pk not in own and _words(row) not in said
    )
    return shown + [{"words": words, "is_own": False} for words in others]


def _sentence(answer: Attempt) -> str:
    """What the answer of the game means, as a sentence that needs no name of a member."""
    return _words(answer) if answer.outcome in ODD_WORDS else reason_of(answer.outcome)


def _words(answer: Attempt) -> str:
    """The answer of the game in words."""
    if answer.outcome in ODD_WORDS:
        return f"“{answer.msg}” ({answer.err_code})"
    return str(answer.get_outcome_display())
