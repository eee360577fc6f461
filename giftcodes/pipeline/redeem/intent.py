"""The intent: a request that is written down and committed before it is sent."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from giftcodes.domain.transitions import State
from giftcodes.models import Attempt, MemberRedemption
from giftcodes.models.code import code_words
from giftcodes.models.code_state import OPEN_STATES
from giftcodes.models.guild import member_words
from giftcodes.models.member_answers import Asked
from giftcodes.pipeline.redeem.snapshot import COLUMNS, Snapshot
from giftcodes.sql import fetch, statement

#: When the intent is written, the lease must last this much longer than the whole call may take.
SEND_MARGIN_SECONDS = 1.0


class Intent(NamedTuple):
    """A request that is written down, with all that is needed to send it and to record its answer.

    Args:
        id, sent_at: those of its Attempt.
        row_id, token: those of its claim.
        published, issue: the code as it is sent, and the number of its issue.
        permit_until: until when its permit may be used. None if the request opens a window.
        confirming, is_probe, tries, uncounted_failures: those of the row when it was claimed.
        last_outcome: the outcome of the row's previous answer.
        is_marked: whether the member is marked as unknown to the game (Member.refused_at).
        nickname, listed_as: the member's name and player ID in the guild.
        lease_seconds: how much of the lease was left when the intent was written.
        known: what was known about the game and the code when the intent was written.
    """

    id: int
    sent_at: dt.datetime
    row_id: int
    token: int
    member_id: int
    redemption_id: int
    gift_code_id: int
    guild_id: int
    provider: str
    player_id: str
    realm: int
    published: str
    issue: int
    permit_until: dt.datetime | None
    confirming: bool
    is_probe: bool
    tries: int
    uncounted_failures: int
    last_outcome: str
    is_marked: bool
    nickname: str
    listed_as: str
    guild: str
    lease_seconds: float
    known: Snapshot

    @property
    def member(self) -> str:
        return member_words(self.nickname, self.listed_as)

    @property
    def asked(self) -> Asked:
        return Asked(self.row_id, self.member_id, self.realm, self.last_outcome, self.is_marked)

    @property
    def code(self) -> str:
        return code_words(self.published, self.issue)


def intend(member_redemption_id: int, token: int) -> Intent | None:
    """Write the Attempt and commit it, or give the claim back.

    Returns:
        The intent. None if no request may be sent.

    Raises:
        RuntimeError: another transaction is open, so the Attempt would not be committed before the
            request is sent.
    """
    with transaction.atomic(durable=True):
        pass  # This only raises an error in an open transaction. It sends nothing to the database.
    # Outside an atomic block, the statement is its own transaction, which saves BEGIN and COMMIT.
    written = fetch(
        statement("redeem", "intend", snapshot=COLUMNS),
        id=member_redemption_id,
        token=token,
        needed=settings.HTTP_SECONDS + SEND_MARGIN_SECONDS,
        open_codes=list(OPEN_STATES),
    )
    if not written:
        _give_back(member_redemption_id, token)
        return None
    (columns,) = written
    own = len(Intent._fields) - 1
    return Intent._make([*columns[:own], Snapshot.of_columns(columns[own:])])


@transaction.atomic(durable=True)
def _give_back(member_redemption_id: int, token: int) -> None:
    """Give back a claim that may not be used, unless a duplicate message has used it already."""
    row = (
        MemberRedemption.objects.select_for_update(no_key=True)
        .filter(pk=member_redemption_id, token=token, state=State.IN_FLIGHT)
        .first()
    )
    if row is not None and not Attempt.objects.filter(member_redemption=row, token=token).exists():
        row.give_back()
