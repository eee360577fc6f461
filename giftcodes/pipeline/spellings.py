"""Try another spelling of a known code.

Redeemer ignores capitals when it compares codes, but the game does not.

A code that the game has never granted may have been published, or typed, with wrong capitals. So
another spelling of it is tried, whether the feed or a person gives that spelling. See
docs/explanation/decisions/0019-another-spelling-is-a-candidate.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from giftcodes.domain import log_lines
from giftcodes.models import EventKind, GiftCode, RedemptionEvent, Trigger, database_now
from giftcodes.models.trial import is_own_trial


@dataclass(frozen=True, slots=True)
class SpellingResult:
    """The result of offering a spelling.

    Args:
        taken: whether the spelling will be tried.
        is_open_again: whether the code was closed and is open now. If so, the caller must fan it
            out.
        message: a sentence for the person who offered it.
    """

    taken: bool
    is_open_again: bool
    message: str


def may_offer(code: GiftCode, spelling: str, *, officer_id: int | None) -> bool:
    """Whether a spelling may be tried without the decision of an administrator.

    An officer decides about the spelling of a code that they added, as long as it is redeemed only
    in their guilds (`giftcodes.models.trial`). Any other code is redeemed in other guilds, too, so
    an administrator decides about it.

    Args:
        code: the newest issue of the code.
        spelling: the code with other capitals.
        officer_id: the officer who typed it. None if no limits hold for the person.
    """
    if officer_id is None:
        return code.can_take(spelling, is_person=True)
    return code.can_take(spelling, is_person=True, is_limited=True) and is_own_trial(
        code, officer_id
    )


def offer_spelling(
    gift_code_id: int,
    spelling: str,
    *,
    trigger: Trigger,
    user_id: int | None = None,
    officer_id: int | None = None,
) -> SpellingResult:
    """Let a code be tried in the spelling that a person typed. This reopens a closed code.

    Args:
        gift_code_id: the newest issue of the code.
        spelling: the code with other capitals.
        trigger: where the spelling comes from.
        user_id: the user to name in the journal, if there is one.
        officer_id: the officer who typed it (see `may_offer`).
    """
    with transaction.atomic():
        code = GiftCode.objects.select_for_update(no_key=True).get(pk=gift_code_id)
        if not may_offer(code, spelling, officer_id=officer_id):
            return SpellingResult(
                False, False, f"Code {code} is known already, and is tried as {code.code}."
            )
        was, was_open = code.code, code.is_open
        code.take_spelling(spelling, is_person=True, now=database_now())
        if not was_open:
            RedemptionEvent.objects.create(
                gift_code=code,
                kind=EventKind.RESPELLED,
                trigger=trigger,
                user_id=user_id,
                detail=f"{was} → {code.code}",
            )
    message = (
        f"Code {was} is also tried as {spelling}, if the game does not know it as {was}."
        if was_open
        else f"Code {was} is now tried as {spelling}: the capitals are different."
    )
    log_lines.info(f"🔡 {message}", code=str(code), trigger=trigger.value)
    return SpellingResult(True, not was_open, message)
