"""What becomes of a member's row after an answer: a pure function of values, tested as a table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from giftcodes.domain import failpoints
from giftcodes.domain.backoff import retry_delay_seconds
from giftcodes.domain.outcomes import (
    ABOUT_THE_CODE,
    ACCOUNT_CONDITIONS,
    MEANINGS,
    ODD_WORDS,
    UNDECIDED,
    WRONG_PLAYER,
    Outcome,
    Scope,
    meaning,
)


class State(StrEnum):
    """The states of a member's share of a redemption."""

    PENDING = "pending"
    IN_FLIGHT = "in_flight"
    UNCONFIRMED = "unconfirmed"
    REDEEMED = "redeemed"
    ALREADY_RECEIVED = "already_received"
    SAME_TYPE = "same_type"
    NEEDS_CORRECTION = "needs_correction"
    NOT_ELIGIBLE = "not_eligible"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN = frozenset({State.PENDING, State.IN_FLIGHT, State.UNCONFIRMED})
SETTLED = frozenset({State.REDEEMED, State.ALREADY_RECEIVED, State.SAME_TYPE})
PARKED = frozenset({State.NEEDS_CORRECTION, State.NOT_ELIGIBLE, State.FAILED})
CLOSED = frozenset({State.CANCELLED})
#: While a row is in one of these, no other row may ask the game for the same player and code.
HOLDING = frozenset({State.IN_FLIGHT, State.UNCONFIRMED}) | SETTLED

MAX_TRIES = 5
#: With words that are not known here, no member is asked more often than this before a person has looked.
MAX_ODD_TRIES = 2
UNCONFIRMED_SECONDS = failpoints.seconds("UNCONFIRMED_SECONDS", 60.0)
DOUBT_SECONDS = failpoints.seconds("DOUBT_SECONDS", 60.0)
TOO_FREQUENT_SECONDS = 4.0
DAY_SECONDS = 86_400.0

_SETTLES = {
    Outcome.SUCCESS: State.REDEEMED,
    Outcome.RECEIVED: State.ALREADY_RECEIVED,
    Outcome.SAME_TYPE: State.SAME_TYPE,
}
_NOT_ELIGIBLE = ACCOUNT_CONDITIONS | {Outcome.CLAIM_LIMIT}
#: The pause of the game, or its window, is the wait.
_AT_ONCE = frozenset({Outcome.THROTTLED, Outcome.NOT_SENT}) | {
    outcome for outcome, row in MEANINGS.items() if row.scope is Scope.PROVIDER
}


@dataclass(frozen=True, slots=True)
class AttemptContext:
    """What the decision needs to know of the row and its past.

    Args:
        confirming: an earlier request's effect is still unknown.
        tries: tries counted before this one.
        uncounted_failures: uncounted failures in a row before this one.
        earlier_unknown: an earlier attempt of ours, for this player and code, may have been granted.
        code_is_closed: this answer, one before it, or a person closed the code.
        code_is_held: unclear answers hold the code back.
        is_probe: the request probed a paused provider, which spends nobody's tries.
        jitter: a random number in [0, 1) that spreads the delays.
    """

    confirming: bool = False
    tries: int = 0
    uncounted_failures: int = 0
    earlier_unknown: bool = False
    code_is_closed: bool = False
    code_is_held: bool = False
    is_probe: bool = False
    jitter: float = 0.0


@dataclass(frozen=True, slots=True)
class Transition:
    """The row's next state. `delay_seconds` None: nobody asks again by itself."""

    state: State
    reason: str
    delay_seconds: float | None = None
    counts: bool = False
    is_setback: bool = False


def decide(outcome: Outcome, situation: AttemptContext) -> Transition:
    """Decide what becomes of a row (docs/reference/outcomes.md)."""
    reason = meaning(outcome).reason
    if outcome is Outcome.RECEIVED and situation.earlier_unknown:
        return Transition(
            State.REDEEMED,
            "Redeemed: an earlier request went without a clear answer, and a repeat confirmed it.",
        )
    if outcome in _SETTLES:
        return Transition(_SETTLES[outcome], reason)
    if outcome in WRONG_PLAYER:
        return Transition(State.NEEDS_CORRECTION, reason)
    if outcome is Outcome.CLAIM_LIMIT and situation.code_is_closed:
        return Transition(
            State.CANCELLED,
            "The game says that a claim limit is reached, and the code was closed for it.",
        )
    if outcome in _NOT_ELIGIBLE:
        return Transition(State.NOT_ELIGIBLE, reason, delay_seconds=DAY_SECONDS)
    if outcome in ABOUT_THE_CODE:
        return _judge_code(reason, situation)
    if outcome in UNDECIDED:
        return _judge_unknown(outcome, reason, situation)
    return _judge_setback(outcome, reason, situation)


def _waiting(situation: AttemptContext) -> State:
    """A row whose earlier effect is unknown keeps that knowledge while it waits."""
    return State.UNCONFIRMED if situation.confirming else State.PENDING


def _judge_code(reason: str, situation: AttemptContext) -> Transition:
    if not situation.code_is_closed:
        return Transition(
            _waiting(situation),
            f"{reason} Another member is asked to confirm it.",
            delay_seconds=DOUBT_SECONDS,
        )
    if situation.confirming:
        reason += " An earlier request went without a clear answer, so the player may have it all the same."
    return Transition(State.CANCELLED, reason)


def _judge_unknown(outcome: Outcome, reason: str, situation: AttemptContext) -> Transition:
    counts = not situation.is_probe
    tries = situation.tries + counts
    most = MAX_ODD_TRIES if outcome in ODD_WORDS or situation.code_is_held else MAX_TRIES
    if tries >= most:
        return Transition(
            State.FAILED,
            f"{meaning(outcome).words}: no clear answer in {tries} tries. See the attempts, then press Redeem now.",
            counts=counts,
        )
    if outcome in ODD_WORDS:
        delay = retry_delay_seconds(tries, jitter=situation.jitter)
        return Transition(_waiting(situation), reason, delay_seconds=delay, counts=counts)
    return Transition(State.UNCONFIRMED, reason, delay_seconds=UNCONFIRMED_SECONDS, counts=counts)


def _judge_setback(outcome: Outcome, reason: str, situation: AttemptContext) -> Transition:
    if outcome is Outcome.TOO_FREQUENT:
        delay = TOO_FREQUENT_SECONDS * (1 + min(situation.uncounted_failures, 10))
    elif outcome in _AT_ONCE:
        delay = 0.0
    else:
        delay = retry_delay_seconds(situation.uncounted_failures, jitter=situation.jitter)
    return Transition(_waiting(situation), reason, delay_seconds=delay, is_setback=True)
