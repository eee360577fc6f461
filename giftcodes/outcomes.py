"""What an answer of the game means: the one table that the rest of the system decides by.

Pure values, no I/O. The game's own strings are known to `giftcodes.providers` alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """The meaning of one attempt: of the game's answer, or of there being none."""

    SUCCESS = "success"
    RECEIVED = "received"
    SAME_TYPE = "same_type"
    CODE_NOT_FOUND = "code_not_found"
    CODE_EXPIRED = "code_expired"
    CODE_USED_UP = "code_used_up"
    WRONG_REALM = "wrong_realm"
    NO_SUCH_PLAYER = "no_such_player"
    LEVEL_TOO_LOW = "level_too_low"
    SPEND_TOO_LOW = "spend_too_low"
    VIP_TOO_LOW = "vip_too_low"
    TIMEOUT_RETRY = "timeout_retry"
    TOO_FREQUENT = "too_frequent"
    NOT_LOGIN = "not_login"
    SIGN_ERROR = "sign_error"
    PARAMS_ERROR = "params_error"
    #: JSON of the game's shape with a message that nobody knows.
    UNRECOGNISED = "unrecognised"
    #: Answered, but not with the game's JSON: HTML, truncated, too long.
    UNREADABLE = "unreadable"
    #: HTTP 5xx.
    SERVER_ERROR = "server_error"
    #: Sent, and no answer: timeout after sending, reset, too slow.
    UNANSWERED = "unanswered"
    #: Provably never arrived: connection refused, DNS, TLS.
    UNREACHABLE = "unreachable"
    #: HTTP 429.
    THROTTLED = "throttled"
    #: We decided not to send: the worker woke up after its deadline.
    NOT_SENT = "not_sent"


class Scope(StrEnum):
    """Whom an answer concerns."""

    MEMBER = "member"
    CODE = "code"
    PROVIDER = "provider"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row of the table in docs/design.md, “Outcomes”.

    `words` is the game's word for it (or ours, where the game said nothing), as log lines show it; `reason` says to a
    person what happened and what to do.
    """

    scope: Scope
    words: str
    reason: str
    #: The code works: somebody got it, or has it.
    proves_code: bool = False
    #: The effect on the game's side is known. An attempt without a decisive answer may have been granted.
    decisive: bool = True
    #: The game, as we know it, has spoken: ends a streak of unknown answers.
    recognised: bool = True


MEANINGS: dict[Outcome, Meaning] = {
    Outcome.SUCCESS: Meaning(Scope.MEMBER, "SUCCESS", "Redeemed.", proves_code=True),
    Outcome.RECEIVED: Meaning(Scope.MEMBER, "RECEIVED", "The player has this code already.", proves_code=True),
    Outcome.SAME_TYPE: Meaning(
        Scope.MEMBER,
        "SAME TYPE EXCHANGE",
        "The player has taken another code of the same group, and the game gives one of them only.",
        proves_code=True,
    ),
    Outcome.CODE_NOT_FOUND: Meaning(Scope.CODE, "CDK NOT FOUND", "The game does not know this code."),
    Outcome.CODE_EXPIRED: Meaning(Scope.CODE, "TIME ERROR", "The code has expired."),
    Outcome.CODE_USED_UP: Meaning(Scope.CODE, "USED", "The code has been used as often as the game allows."),
    Outcome.WRONG_REALM: Meaning(
        Scope.MEMBER,
        "USER INFO ERROR",
        "Player ID and realm do not belong together, or there is no such player. Correct the member's realm; the "
        "code is tried again at once.",
    ),
    Outcome.NO_SUCH_PLAYER: Meaning(
        Scope.MEMBER,
        "role not exist",
        "The game knows no such player. Check the player ID and the realm.",
    ),
    Outcome.LEVEL_TOO_LOW: Meaning(
        Scope.MEMBER,
        "STOVE_LV ERROR",
        "The player's level is too low for this code. It is tried again every day.",
    ),
    Outcome.SPEND_TOO_LOW: Meaning(
        Scope.MEMBER,
        "RECHARGE_MONEY ERROR",
        "The player has spent too little in the game for this code. It is tried again every day.",
    ),
    Outcome.VIP_TOO_LOW: Meaning(
        Scope.MEMBER,
        "RECHARGE_MONEY_VIP ERROR",
        "The player's VIP level is too low for this code. It is tried again every day.",
    ),
    Outcome.TIMEOUT_RETRY: Meaning(
        Scope.MEMBER,
        "TIMEOUT RETRY",
        "The game had a hiccup and does not say whether the code was granted. It is asked again.",
        decisive=False,
    ),
    Outcome.TOO_FREQUENT: Meaning(
        Scope.MEMBER, "TOO FREQUENT", "The game asks for a pause between two requests for this player."
    ),
    Outcome.NOT_LOGIN: Meaning(Scope.MEMBER, "NOT LOGIN", "The game lost its session. It is asked again."),
    Outcome.SIGN_ERROR: Meaning(
        Scope.PROVIDER,
        "Sign Error",
        "The game refused our signature. The salt in the settings is wrong or has changed.",
    ),
    Outcome.PARAMS_ERROR: Meaning(
        Scope.PROVIDER,
        "params error",
        "The game missed a field in our request. Its protocol may have changed.",
    ),
    Outcome.UNRECOGNISED: Meaning(
        Scope.MEMBER,
        "unknown answer",
        "The game answered with words that are not known here. It is asked again.",
        decisive=False,
        recognised=False,
    ),
    Outcome.UNREADABLE: Meaning(
        Scope.MEMBER,
        "unreadable answer",
        "The game's answer could not be read, so that it is not known whether the code was granted. It is asked again.",
        decisive=False,
        recognised=False,
    ),
    Outcome.SERVER_ERROR: Meaning(
        Scope.MEMBER,
        "server error",
        "The game's server failed, so that it is not known whether the code was granted. It is asked again.",
        decisive=False,
        recognised=False,
    ),
    Outcome.UNANSWERED: Meaning(
        Scope.MEMBER,
        "no answer",
        "The game did not answer, so that it is not known whether the code was granted. It is asked again.",
        decisive=False,
        recognised=False,
    ),
    Outcome.UNREACHABLE: Meaning(
        Scope.NOBODY,
        "unreachable",
        "The game's server could not be reached. It is asked again.",
        recognised=False,
    ),
    Outcome.THROTTLED: Meaning(
        Scope.NOBODY, "HTTP 429", "The game's request limit was reached. It goes on in the next window."
    ),
    Outcome.NOT_SENT: Meaning(
        Scope.NOBODY, "not sent", "The worker was held up past its deadline and did not send the request."
    ),
}


def meaning(outcome: Outcome | str) -> Meaning:
    """The table's row for an outcome.

    Raises:
        ValueError: the outcome is not one of `Outcome`.
    """
    return MEANINGS[Outcome(outcome)]


PROVING = frozenset(o for o, m in MEANINGS.items() if m.proves_code)
UNDECIDED = frozenset(o for o, m in MEANINGS.items() if not m.decisive)
ABOUT_THE_CODE = frozenset(o for o, m in MEANINGS.items() if m.scope is Scope.CODE)
