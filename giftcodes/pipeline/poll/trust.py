"""What a feed may do: whether its codes are tried, wait for a person, or wait for their turn."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db.models import Exists, OuterRef

from giftcodes.clients.feeds import PublishedCode
from giftcodes.domain import log_lines
from giftcodes.models import CodeProposal, CodeSighting, CodeState, Feed
from giftcodes.models.code_proposal import MOST_WAITING, ProposalState
from giftcodes.models.code_sighting import MOST_WRONG
from giftcodes.models.feed import FeedTrust

#: How many codes that only this feed lists may wait for the game's first clear answer. The feed's
#: further new codes wait, so that invented codes do not use up the requests of real ones.
MOST_UNDECIDED = 5
#: A code counts as undecided for at most this long. The game may have no clear answer, for example
#: if no member has reached the level for the code.
UNDECIDED_FOR = dt.timedelta(hours=1)


def judge(feed: Feed, now: dt.datetime) -> None:
    """Stop trusting a feed whose last codes the game did not know, with no right one between."""
    if not feed.is_trusted or CodeSighting.objects.wrong_in_a_row(feed) < MOST_WRONG:
        return
    feed.trust, feed.distrusted_at = FeedTrust.PERSON, now
    feed.save(update_fields=["trust", "distrusted_at"])
    log_lines.warning(
        f"❌ {feed} has listed {MOST_WRONG} codes in a row that the game does not know. New codes "
        "of this feed wait for an administrator.",
        feed=feed.pk,
    )


def room_for(feed: Feed, now: dt.datetime) -> int | None:
    """How many new codes of a feed may be tried now. None if there is no limit.

    The main feed of a game has no limit: its first answer lists many codes.
    """
    if feed.is_main:
        return None
    elsewhere = CodeSighting.objects.believed().filter(gift_code=OuterRef("gift_code"))
    undecided = CodeSighting.objects.filter(
        ~Exists(elsewhere.exclude(feed=feed)),
        feed=feed,
        first_seen_at__gt=now - UNDECIDED_FOR,
        gift_code__state=CodeState.ACTIVE,
        gift_code__proven_at__isnull=True,
    )
    return max(0, MOST_UNDECIDED - undecided.count())


def propose(feed: Feed, lines: Iterable[PublishedCode], now: dt.datetime) -> list[str]:
    """Let an administrator decide about new codes. A code that was proposed before is left out.

    Returns:
        The codes that now wait.
    """
    new = {
        line.code.casefold(): line
        for line in lines
        if line.expires_at is None or line.expires_at > now
    }
    if not new:
        return []
    own = CodeProposal.objects.filter(feed=feed)
    for folded in own.filter(folded__in=new).values_list("folded", flat=True):
        new.pop(folded, None)
    room = MOST_WAITING - own.filter(state=ProposalState.WAITING).count()
    rows = [
        CodeProposal(
            feed=feed,
            provider=feed.provider,
            code=line.code,
            folded=folded,
            expires_at=line.expires_at,
        )
        for folded, line in list(new.items())[: max(0, room)]
    ]
    CodeProposal.objects.bulk_create(rows, ignore_conflicts=True)
    for row in rows:
        log_lines.info(f"📝 Code {row.code} of {feed} waits for an administrator.", feed=feed.pk)
    return [row.code for row in rows]
