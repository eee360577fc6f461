"""Propose a code, and approve or reject a proposal. Limit the codes that officers add."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from giftcodes.models import (
    CodeProposal,
    CodeSighting,
    GiftCode,
    Source,
    Throttle,
    Trigger,
    database_now,
)
from giftcodes.models.code_proposal import MOST_WAITING, ProposalState
from giftcodes.pipeline.spellings import offer_spelling
from giftcodes.services.code_entry import find_code

#: How many new codes an officer may add in a day. Further ones become proposals. Each code is tried
#: in the officer's guilds, so invented codes would use up the requests that real codes need.
CODES_OF_OFFICER = 5
_DAY = 24 * 3_600
_NEW_CODE = "new code"


class TooManyProposalsError(ValueError):
    """So many proposals of the officer wait that no further one is taken."""

    def __init__(self) -> None:
        words = _(
            "%d codes that you proposed wait for an administrator already. Propose this code when "
            "an administrator has decided about one of them."
        )
        super().__init__(words % MOST_WAITING)


def may_add_code(who: int | str) -> bool:
    """Count a new code of an officer. Returns False if it may only be proposed, not added.

    Args:
        who: the id of the officer's account, or a name for several officers who are counted as one.
    """
    return not Throttle.objects.take(_NEW_CODE, str(who), most=CODES_OF_OFFICER, seconds=_DAY)


def seconds_until_code(who: int | str) -> int:
    """The seconds until an officer may add a new code. 0 if that is possible now."""
    return Throttle.objects.seconds_until_allowed(_NEW_CODE, str(who), most=CODES_OF_OFFICER)


@dataclass(frozen=True, slots=True)
class Decision:
    """The result of approving or rejecting a proposal.

    Args:
        is_made: whether this call decided. If not, another person had decided before.
        gift_code: the code that was approved.
        must_fan_out: whether the caller must fan the code out.
    """

    is_made: bool
    gift_code: GiftCode | None = None
    must_fan_out: bool = False


@transaction.atomic
def propose(
    *, provider: str, code: str, expires_at: dt.datetime | None, rewards: str, user_id: int
) -> tuple[CodeProposal, bool]:
    """Propose a code.

    Returns:
        The proposal, and whether it is new. If this user has a waiting proposal of the same code,
        that one is returned unchanged.

    Raises:
        TooManyProposalsError: too many proposals of this user wait. Nothing was proposed.
    """
    check_room(provider=provider, code=code, user_id=user_id)
    key = {"provider": provider, "folded": code.casefold(), "proposed_by_id": user_id}
    waiting = CodeProposal.objects.filter(state=ProposalState.WAITING, **key)
    try:
        with transaction.atomic():
            if (known := waiting.first()) is not None:
                return known, False
            row = CodeProposal.objects.create(
                **key, code=code, expires_at=expires_at, rewards=rewards
            )
    except IntegrityError:
        return waiting.get(), False
    return row, True


def check_room(*, provider: str, code: str, user_id: int) -> None:
    """Check that a user may propose a code. Nothing is stored.

    In a transaction, another check for the same user waits until the end of the transaction.

    Raises:
        TooManyProposalsError: too many proposals of this user wait.
    """
    with transaction.atomic():
        get_user_model().objects.select_for_update(no_key=True).get(pk=user_id)
        own = CodeProposal.objects.filter(proposed_by=user_id)
        if own.filter(
            state=ProposalState.WAITING, provider=provider, folded=code.casefold()
        ).exists():
            return
        if own.waiting().count() >= MOST_WAITING:
            raise TooManyProposalsError


@transaction.atomic
def approve(proposal_id: int, *, user_id: int | None) -> Decision:
    """Add the proposed code. All waiting proposals of the same code are approved with it.

    Args:
        proposal_id: the proposal.
        user_id: the administrator who approves it.

    Raises:
        CodeProposal.DoesNotExist: there is no such proposal.
    """
    proposal = CodeProposal.objects.select_for_update().get(pk=proposal_id)
    if proposal.state != ProposalState.WAITING:
        return Decision(False, proposal.gift_code)
    code, must_fan_out = _add(proposal, user_id)
    _decide(proposal, ProposalState.APPROVED, user_id=user_id, gift_code=code)
    CodeSighting.objects.note_proposals(code)
    return Decision(True, code, must_fan_out)


@transaction.atomic
def reject(proposal_id: int, *, user_id: int | None, answer: str = "") -> Decision:
    """Reject a proposal, and all other waiting proposals with the same spelling of the code.

    Args:
        proposal_id: the proposal.
        user_id: the administrator who rejects it.
        answer: the reason, which the officer reads.

    Raises:
        CodeProposal.DoesNotExist: there is no such proposal.
    """
    proposal = CodeProposal.objects.select_for_update().get(pk=proposal_id)
    if proposal.state != ProposalState.WAITING:
        return Decision(False, proposal.gift_code)
    _decide(proposal, ProposalState.REJECTED, user_id=user_id, answer=answer)
    return Decision(True)


def _decide(
    proposal: CodeProposal,
    state: ProposalState,
    *,
    user_id: int | None,
    gift_code: GiftCode | None = None,
    answer: str = "",
) -> None:
    same = CodeProposal.objects.filter(
        provider=proposal.provider, folded=proposal.folded, state=ProposalState.WAITING
    )
    if state == ProposalState.REJECTED:
        # It may have been rejected because of its spelling, and another officer may have typed the
        # right one.
        same = same.filter(code=proposal.code)
    same.update(
        state=state,
        decided_by_id=user_id,
        decided_at=database_now(),
        gift_code=gift_code,
        answer=answer,
    )


def _add(proposal: CodeProposal, user_id: int | None) -> tuple[GiftCode, bool]:
    """The proposed code, and whether it must be fanned out. The code is added if it is unknown."""
    if known := find_code(proposal.provider, proposal.code):
        return known, _respell(known, proposal.code, user_id)
    is_over = proposal.expires_at is not None and proposal.expires_at <= database_now()
    new = GiftCode(
        provider=proposal.provider,
        code=proposal.code,
        expires_at=None if is_over else proposal.expires_at,
        rewards=proposal.rewards,
        source=Source.ADMIN,
    )
    try:
        with transaction.atomic():
            new.save()
    except IntegrityError:
        # The poll has just stored the same code.
        known = find_code(proposal.provider, proposal.code)
        assert known is not None
        return known, False
    return new, True


def _respell(known: GiftCode, spelling: str, user_id: int | None) -> bool:
    if not known.can_take(spelling, is_person=True):
        return False
    result = offer_spelling(known.pk, spelling, trigger=Trigger.ADMIN, user_id=user_id)
    return result.is_open_again
