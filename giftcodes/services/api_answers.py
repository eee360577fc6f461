"""Give the same answer to the same POST again, if it names the same `Idempotency-Key`.

The row of the key is inserted before the work for the request begins. So of two requests at the
same moment, only one does the work. No transaction is open during the work.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import Q

from giftcodes.models import ApiAnswer, Throttle
from giftcodes.models.clock import clock_plus

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from giftcodes.models import ApiToken
    from giftcodes.services.api_tokens import Caller

#: How long an answer is given again.
KEPT_SECONDS = 24 * 3_600
#: An answer that takes longer than this will never come: its process died.
_LOST_SECONDS = 120.0
#: How many answers are kept for the tokens of a guild, or of an administrator. A further
#: request must come without a key, or later.
MOST_KEPT = 2_000


class AnswerKind(Enum):
    """What is known about a key."""

    #: The key is new: the caller does the work, and then calls `keep` or `forget`.
    NEW = auto()
    #: The request was answered, and its answer is given again.
    KNOWN = auto()
    #: Another process is answering the request just now.
    UNDER_WAY = auto()
    #: The key was used for another request.
    OTHER_REQUEST = auto()
    #: Too many keys were used.
    TOO_MANY = auto()


@dataclass(frozen=True, slots=True)
class Begun:
    """The result of `begin`.

    Args:
        kind: see `AnswerKind`.
        row: the row of the key, if there is one.
        seconds: if there are too many keys, the seconds to wait.
    """

    kind: AnswerKind
    row: ApiAnswer | None = None
    seconds: int = 0


def begin(caller: Caller, key: str, request: bytes) -> Begun:
    """Look a key up, or claim it.

    Args:
        caller: who sends the request. Keys of other tokens do not count. Neither do keys that were
            sent when the token's maker had other rights, so that no answer shows what the maker may
            not see any more.
        key: the `Idempotency-Key`.
        request: method, path and body. Two requests are the same if these are equal.
    """
    token = caller.token
    key_hash, request_hash = _hash(f"{key} {caller.rights}".encode()), _hash(request)
    own = ApiAnswer.objects.filter(token=token, key_hash=key_hash)
    own.filter(_is_over()).delete()
    row = own.first()
    if row is None:
        if seconds := _seconds_until_key(token):
            return Begun(AnswerKind.TOO_MANY, seconds=seconds)
        try:
            with transaction.atomic():
                row = own.create(token=token, key_hash=key_hash, request_hash=request_hash)
        except IntegrityError:
            # The same key has just been claimed.
            row = own.first()
        else:
            return Begun(AnswerKind.NEW, row)
    if row is None:
        return Begun(AnswerKind.UNDER_WAY)
    if row.request_hash != request_hash:
        return Begun(AnswerKind.OTHER_REQUEST, row)
    return Begun(AnswerKind.UNDER_WAY if row.status is None else AnswerKind.KNOWN, row)


def keep(row: ApiAnswer, *, status: int, content_type: str, body: str) -> None:
    """Keep the answer to a new key, if `forget_player` has not deleted its row."""
    ApiAnswer.objects.filter(pk=row.pk).update(status=status, content_type=content_type, body=body)


def forget(row: ApiAnswer) -> None:
    """Give a key back, because its request can be repeated."""
    ApiAnswer.objects.filter(pk=row.pk).delete()


def forget_player(player_id: str) -> None:
    """Delete the answers that name a player, because the player is erased.

    An answer that is not finished yet may name the player, so it is not kept. If its request is
    sent again, the services refuse to do it twice.
    """
    ApiAnswer.objects.filter(Q(status=None) | Q(body__contains=player_id)).delete()


def over() -> QuerySet[ApiAnswer]:
    """The answers that are not given again any more."""
    return ApiAnswer.objects.filter(_is_over())


def _is_over() -> Q:
    lost = Q(status=None, begun_at__lt=clock_plus(-_LOST_SECONDS))
    return lost | Q(begun_at__lt=clock_plus(-KEPT_SECONDS))


def _seconds_until_key(token: ApiToken) -> int:
    return Throttle.objects.take("API key", token.limited_as, most=MOST_KEPT, seconds=KEPT_SECONDS)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
