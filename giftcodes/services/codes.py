"""Reissue a code by hand. If a feed publishes a closed code again, the poll reissues it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from giftcodes.domain import log_lines
from giftcodes.domain.sentences import Sentence
from giftcodes.models import CodeState, EventKind, GiftCode, RedemptionEvent, Source, Trigger


@dataclass(frozen=True, slots=True)
class ReissueResult:
    """The id of the new issue (None if there is none), and a message for the user."""

    gift_code_id: int | None
    message: str


def reissue(gift_code_id: int, *, trigger: Trigger, user_id: int | None = None) -> ReissueResult:
    """Make a new issue of a closed code, to redeem it for every member again.

    The old issue keeps its history.

    Args:
        gift_code_id: the newest issue.
        trigger: where the request came from.
        user_id: the user who asked, if known.

    Returns:
        The new issue, which the caller must fan out, or the reason why there is none.
    """
    try:
        with transaction.atomic():
            code = GiftCode.objects.select_for_update(no_key=True).get(pk=gift_code_id)
            if obstacle := reissue_obstacle(code):
                return ReissueResult(None, obstacle)
            issued = GiftCode.objects.create(
                provider=code.provider,
                code=code.code,
                issue=code.issue + 1,
                source=Source.ADMIN,
                rewards=code.rewards,
            )
            RedemptionEvent.objects.create(
                gift_code=issued,
                kind=EventKind.CODE_REOPENED,
                trigger=trigger,
                user_id=user_id,
                detail=Sentence.of("code_reissued", issue=issued.issue),
            )
    except IntegrityError:
        # The poll has just stored the same issue.
        return ReissueResult(None, _already_reissued(code))
    log_lines.info(f"🔁 Code {code.code} is reissued.", code=str(issued), trigger=trigger.value)
    message = gettext("Code %s is a new issue: it is redeemed for every member again.") % issued
    return ReissueResult(issued.pk, message)


def reissue_obstacle(code: GiftCode) -> str:
    """Why a code cannot be reissued, as a sentence for a person. Empty if it can be."""
    if code.state == CodeState.DELETED:
        return gettext("Code %s is deleted. Bring it back first.") % code
    if code.state != CodeState.CLOSED:
        words = gettext("Code %(code)s is %(state)s: only a closed code can be reissued.")
        return words % {"code": code, "state": code.get_state_display()}
    return _already_reissued(code) if code.newer_issues().exists() else ""


def _already_reissued(code: GiftCode) -> str:
    return gettext("Code %s has already been reissued.") % code
