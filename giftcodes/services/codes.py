"""Issue a code anew because an operator says so. The feed does it where it publishes a closed code later (poll)."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import IntegrityError, transaction

from giftcodes.domain import log_lines
from giftcodes.models import CodeState, EventKind, GiftCode, RedemptionEvent, Source, Trigger


@dataclass(frozen=True, slots=True)
class ReissueResult:
    """The id of the new issue, or None; and what to say."""

    gift_code_id: int | None
    message: str


def reissue(gift_code_id: int, *, trigger: Trigger, user_id: int | None = None) -> ReissueResult:
    """Make a new issue of a closed code, which everybody is asked for once more. The old one keeps its history.

    Args:
        gift_code_id: the newest issue.
        trigger: what asks.
        user_id: the user who pressed, where there is one.

    Returns:
        The new issue, which is still to be fanned out; or why there is none.
    """
    try:
        with transaction.atomic():
            code = GiftCode.objects.select_for_update(no_key=True).get(pk=gift_code_id)
            if obstacle := _obstacle(code):
                return ReissueResult(None, obstacle)
            anew = GiftCode.objects.create(
                provider=code.provider,
                code=code.code,
                issue=code.issue + 1,
                source=Source.ADMIN,
                rewards=code.rewards,
            )
            RedemptionEvent.objects.create(
                gift_code=anew,
                kind=EventKind.CODE_REOPENED,
                trigger=trigger,
                user_id=user_id,
                detail=f"Issued anew: issue {anew.issue}.",
            )
    except IntegrityError:
        # The feed stored the same issue at this moment.
        return ReissueResult(None, _anew_already(code))
    log_lines.info(f"🔁 Code {code.code} is issued anew.", code=str(anew), trigger=trigger.value)
    return ReissueResult(anew.pk, f"Code {anew} is a new issue: everybody is asked for once more.")


def _obstacle(code: GiftCode) -> str:
    if code.state == CodeState.DELETED:
        return f"Code {code} is deleted. Bring it back first."
    if code.state != CodeState.CLOSED:
        return f"Code {code} is {code.get_state_display()}: only a closed code is issued anew."
    newer = GiftCode.objects.filter(
        provider=code.provider, folded=code.folded, issue__gt=code.issue
    )
    return _anew_already(code) if newer.exists() else ""


def _anew_already(code: GiftCode) -> str:
    return f"Code {code} has been issued anew already."
