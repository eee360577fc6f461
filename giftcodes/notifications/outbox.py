"""The outbox: messages are claimed with a lease, sent and recorded. A dead sender's claim ends."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeVar

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.db.models.expressions import Combinable

from giftcodes.clients.channels import (
    ChannelClient,
    ChannelRules,
    DeliveryOutcome,
    channel_client_for,
)
from giftcodes.domain import failpoints
from giftcodes.domain.backoff import retry_delay_seconds
from giftcodes.domain.sentences import Sentence
from giftcodes.models import Clock, DeliveryState
from giftcodes.models.clock import clock_plus
from giftcodes.models.outbox import UNFINISHED, Outbox

#: A claim lasts as long as a request may take (`ANNOUNCE_SECONDS`), plus this margin. Half of the
#: margin is for the wait in the queue.
LEASE_MARGIN_SECONDS = failpoints.seconds("ANNOUNCE_MARGIN_SECONDS", 20.0)
#: The longest back-off.
LONGEST_DELAY_SECONDS = 600.0
#: The longest time for connecting to the channel. It is part of the time for one message.
CONNECT_SECONDS = 3.0

#: The state of a message that is not sent again, by the outcome of its last request.
FINAL_STATES = {
    DeliveryOutcome.DELIVERED: DeliveryState.DONE,
    DeliveryOutcome.GONE: DeliveryState.GONE,
    DeliveryOutcome.DELETED: DeliveryState.GONE,
    DeliveryOutcome.REFUSED: DeliveryState.FAILED,
    DeliveryOutcome.UNKNOWN: DeliveryState.UNKNOWN,
}

Row = TypeVar("Row", bound=Outbox)


def claim(
    model: type[Row], ids: Iterable[int], *, sending_at: Combinable | None = None
) -> dict[int, int]:
    """Claim messages: each gets a lease and the next token.

    Args:
        model: the model of the messages.
        ids: the ids of the messages. Finished and claimed messages are left out.
        sending_at: the new value of the column `sending_at`, if the request follows at once. If it
            is None, the column is not changed.

    Returns:
        The token of each claimed message, by its id.
    """
    free = model._default_manager.select_for_update().filter(
        pk__in=ids, state__in=UNFINISHED, lease_until__isnull=True
    )
    tokens = {pk: token + 1 for pk, token in free.order_by("pk").values_list("pk", "token")}
    begun = {} if sending_at is None else {"sending_at": sending_at}
    model._default_manager.filter(pk__in=tokens).update(
        token=F("token") + 1,
        lease_until=clock_plus(settings.ANNOUNCE_SECONDS + LEASE_MARGIN_SECONDS),
        **begun,
    )
    return tokens


def recover(model: type[Row]) -> list[Row]:
    """End the claims whose lease is over.

    Returns:
        The messages that may have been posted. Their state is now UNKNOWN, and they are not sent
        again.
    """
    locked = model._default_manager.select_for_update(of=("self",))
    # In this order PostgreSQL reads the claimed rows by their index, and not every message.
    expired = list(locked.filter(lease_until__lt=Clock()).order_by("lease_until", "pk"))
    if not expired:
        return []
    doubtful = [row for row in expired if row.may_have_been_posted]
    give_up(_rows(model, doubtful), DeliveryState.UNKNOWN, Sentence.of("sender_died"))
    _rows(model, expired).update(lease_until=None)
    return doubtful


def held(model: type[Row], claims: Mapping[int, int]) -> QuerySet[Row]:
    """The messages whose claim is still ours.

    They include messages in the state UNKNOWN, because a late answer may show whether such a
    message was posted.

    Args:
        model: the model of the messages.
        claims: the token of each claim, by the id of its message.
    """
    ids_by_token = defaultdict(list)
    for pk, token in claims.items():
        ids_by_token[token].append(pk)
    ours = Q(pk__in=[])
    for token, ids in ids_by_token.items():
        ours |= Q(token=token, pk__in=ids)
    return model._default_manager.filter(ours, state__in=[*UNFINISHED, DeliveryState.UNKNOWN])


def give_up(rows: QuerySet[Row], state: DeliveryState, error: str) -> int:
    """End messages without success, for a reason. Returns how many there were."""
    return rows.update(state=state, error=error, next_attempt_at=None, lease_until=None)


def delay_seconds(tries: int) -> float:
    """The back-off before the next try."""
    return retry_delay_seconds(tries, jitter=random.random(), cap=LONGEST_DELAY_SECONDS)  # noqa: S311


def channel_client(
    address: str, rules: ChannelRules, *, most_seconds: float | None = None
) -> ChannelClient:
    """The client of the channel at an address, with the time limits from the settings.

    Args:
        address: the address of the channel.
        rules: the rules for the address.
        most_seconds: a shorter time limit for one message, if it is not None.

    Raises:
        BadAddressError: no channel has such an address, or the rules do not allow it.
    """
    total = settings.ANNOUNCE_SECONDS
    total = total if most_seconds is None else min(total, most_seconds)
    return channel_client_for(
        address,
        total_seconds=total,
        connect_seconds=min(CONNECT_SECONDS, total),
        rules=rules,
    )


def _rows(model: type[Row], rows: Iterable[Row]) -> QuerySet[Row]:
    return model._default_manager.filter(pk__in=[row.pk for row in rows])
