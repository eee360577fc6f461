"""The next state of a member redemption after an attempt: a pure function, tested as a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum

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
from giftcodes.domain.sentences import Sentence, reason_of


class State(StrEnum):
    """The states of a member redemption."""

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
#: While a member redemption is in one of these states, no other member redemption may send a
#: request for the same player and code.
HOLDING = frozenset({State.IN_FLIGHT, State.UNCONFIRMED}) | SETTLED

MAX_TRIES = 5
#: The most tries if the game answers with an unknown message, or if the code is held back. After
#: that, a person must check.
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
#: Outcomes after which no delay is set, because the provider's pause or rate window delays the next
#: request anyway, or because nothing was sent.
_WITHOUT_DELAY = frozenset({Outcome.THROTTLED, Outcome.NOT_SENT}) | {
    outcome for outcome, row in MEANINGS.items() if row.scope is Scope.PROVIDER
}


def values(states: Iterable[Enum]) -> list[str]:
    """Return states as a sorted list of strings, for a constraint or a query."""
    return sorted(state.value for state in states)


def literals(states: Iterable[Enum]) -> str:
    """Return states as SQL literals, for `IN ({name})` in a statement that uses a partial index.

    Statements are prepared on the server. If the states were a parameter, PostgreSQL's generic plan
    could not use a partial index whose condition is `state IN (…)`.
    """
    return ", ".join(f"'{value}'" for value in values(states))


@dataclass(frozen=True, slots=True)
class AttemptContext:
    """The facts about an attempt's member redemption that the decision depends on.

    Args:
        confirming: whether the effect of an earlier request is still unknown.
        tries: the number of counted tries before this attempt.
        uncounted_failures: the number of failures in a row, before this attempt, that did not count
            as tries.
        earlier_unknown: whether the game may have granted the code to this player in an earlier
            attempt.
        code_is_closed: whether this answer, an earlier answer or a person has closed the code.
        code_is_held: whether the code is held back because of unclear answers.
        is_probe: whether the request was a probe of a paused provider. A probe does not count as a
            try.
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
    """The next state of a member redemption.

    Args:
        state: the next state.
        reason: why, for people.
        delay_seconds: the seconds until the next request. None if no request is planned.
        counts: whether the attempt counts as a try.
        is_uncounted_failure: whether the attempt failed without counting as a try. If so, the delay
            after the next such failure is longer.
    """

    state: State
    reason: str
    delay_seconds: float | None = None
    counts: bool = False
    is_uncounted_failure: bool = False


def decide(outcome: Outcome, context: AttemptContext) -> Transition:
    """Return the next state after `outcome` (docs/reference/outcomes.md)."""
    reason = reason_of(outcome)
    if outcome is Outcome.RECEIVED and context.earlier_unknown:
        return Transition(
            State.REDEEMED,
            Sentence.of("redeemed_confirmed"),
        )
    if outcome in _SETTLES:
        return Transition(_SETTLES[outcome], reason)
    if outcome in WRONG_PLAYER:
        return Transition(State.NEEDS_CORRECTION, reason)
    if outcome is Outcome.CLAIM_LIMIT and context.code_is_closed:
        return Transition(
            State.CANCELLED,
            Sentence.of("claim_limit_closed"),
        )
    if outcome in _NOT_ELIGIBLE:
        return Transition(State.NOT_ELIGIBLE, reason, delay_seconds=DAY_SECONDS)
    if outcome in ABOUT_THE_CODE:
        return _after_code_answer(reason, context)
    if outcome in UNDECIDED:
        return _after_unclear_answer(outcome, reason, context)
    return _after_uncounted_failure(outcome, reason, context)


def _waiting(context: AttemptContext) -> State:
    """Return UNCONFIRMED if the effect of an earlier request is unknown, else PENDING."""
    return State.UNCONFIRMED if context.confirming else State.PENDING


def _after_code_answer(reason: str, context: AttemptContext) -> Transition:
    if not context.code_is_closed:
        return Transition(
            _waiting(context),
            Sentence.of("must_be_confirmed", why=reason),
            delay_seconds=DOUBT_SECONDS,
        )
    if context.confirming:
        reason = Sentence.of("may_still_have_it", why=reason)
    return Transition(State.CANCELLED, reason)


def _after_unclear_answer(outcome: Outcome, reason: str, context: AttemptContext) -> Transition:
    counts = not context.is_probe
    tries = context.tries + counts
    max_tries = MAX_ODD_TRIES if outcome in ODD_WORDS or context.code_is_held else MAX_TRIES
    if tries >= max_tries:
        return Transition(
            State.FAILED,
            Sentence.of("no_clear_answer", words=meaning(outcome).words, tries=tries),
            counts=counts,
        )
    if outcome in ODD_WORDS:
        delay = retry_delay_seconds(tries, jitter=context.jitter)
        return Transition(_waiting(context), reason, delay_seconds=delay, counts=counts)
    return Transition(State.UNCONFIRMED, reason, delay_seconds=UNCONFIRMED_SECONDS, counts=counts)


def _after_uncounted_failure(outcome: Outcome, reason: str, context: AttemptContext) -> Transition:
    if outcome is Outcome.TOO_FREQUENT:
        delay = TOO_FREQUENT_SECONDS * (1 + min(context.uncounted_failures, 10))
    elif outcome in _WITHOUT_DELAY:
        delay = 0.0
    else:
        delay = retry_delay_seconds(context.uncounted_failures, jitter=context.jitter)
    return Transition(_waiting(context), reason, delay_seconds=delay, is_uncounted_failure=True)
