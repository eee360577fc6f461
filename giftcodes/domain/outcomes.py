"""The outcomes of an attempt and their meanings: the table on which every decision is based.

This module has only values and does no I/O. Only `giftcodes.clients.games` translates the game's
own strings.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """The outcome of one attempt: the meaning of the game's answer, or why there is none."""

    SUCCESS = "success"
    RECEIVED = "received"
    SAME_TYPE = "same_type"
    CODE_NOT_FOUND = "code_not_found"
    CODE_EXPIRED = "code_expired"
    #: The game's message USED: the claim limit of the account or of the code is reached. The stored
    #: value is from a time when only the limit of the code was known.
    CLAIM_LIMIT = "code_used_up"
    #: An error about the code that does not say what is wrong.
    CODE_ERROR = "code_error"
    WRONG_REALM = "wrong_realm"
    NO_SUCH_PLAYER = "no_such_player"
    LEVEL_TOO_LOW = "level_too_low"
    SPEND_TOO_LOW = "spend_too_low"
    VIP_TOO_LOW = "vip_too_low"
    LEVEL_OR_SPEND_TOO_LOW = "level_or_spend"
    ACCOUNT_TOO_YOUNG = "account_too_young"
    TIMEOUT_RETRY = "timeout_retry"
    #: The server is busy, and may still deliver later.
    SERVER_BUSY = "server_busy"
    TOO_FREQUENT = "too_frequent"
    NOT_LOGIN = "not_login"
    SIGN_ERROR = "sign_error"
    PARAMS_ERROR = "params_error"
    #: The game requires a captcha. Redeemer solves none.
    CAPTCHA = "captcha"
    #: HTTP 401 or 403 without a known answer: the request or our address is refused.
    FORBIDDEN = "forbidden"
    #: JSON in the game's form, with an unknown message.
    UNRECOGNISED = "unrecognised"
    #: An answer that is not the game's JSON: HTML, truncated, too long.
    UNREADABLE = "unreadable"
    #: HTTP 5xx.
    SERVER_ERROR = "server_error"
    #: Sent, but not answered: timeout after sending, connection reset, too slow.
    UNANSWERED = "unanswered"
    #: Certainly not received: connection refused, DNS or TLS failed.
    UNREACHABLE = "unreachable"
    #: HTTP 429.
    THROTTLED = "throttled"
    #: Not sent: too little of the lease was left, or the game was disconnected after the claim.
    NOT_SENT = "not_sent"


class Scope(StrEnum):
    """What an outcome concerns."""

    MEMBER = "member"
    CODE = "code"
    PROVIDER = "provider"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Meaning:
    """The meaning of an outcome: a row of the table in docs/reference/outcomes.md.

    Args:
        scope: what the outcome concerns.
        words: the game's message, or our words if the game sends none. Log lines show this.
        key: the key of the sentence about it (`giftcodes.domain.sentences.redemptions`).
        proves_code: whether the answer proves that the code works. If so, the player was just
            granted it, already has it, or has another code of the same group.
        decisive: whether the effect in the game is known. After an attempt that is not decisive,
            the code may have been granted.
        recognised: whether the answer is a known one of the game. A known answer about a member or
            a code ends a series of unknown answers.
    """

    scope: Scope
    words: str
    key: str
    proves_code: bool = False
    decisive: bool = True
    recognised: bool = True


MEANINGS: dict[Outcome, Meaning] = {
    Outcome.SUCCESS: Meaning(Scope.MEMBER, "SUCCESS", "redeemed", proves_code=True),
    Outcome.RECEIVED: Meaning(Scope.MEMBER, "RECEIVED", "has_it_already", proves_code=True),
    Outcome.SAME_TYPE: Meaning(
        Scope.MEMBER, "SAME TYPE EXCHANGE", "has_one_of_the_group", proves_code=True
    ),
    Outcome.CODE_NOT_FOUND: Meaning(Scope.CODE, "CDK NOT FOUND", "code_not_known"),
    Outcome.CODE_EXPIRED: Meaning(Scope.CODE, "TIME ERROR", "code_expired"),
    Outcome.CLAIM_LIMIT: Meaning(Scope.MEMBER, "USED", "claim_limit"),
    Outcome.CODE_ERROR: Meaning(
        Scope.MEMBER, "general error", "code_error", decisive=False, recognised=False
    ),
    Outcome.WRONG_REALM: Meaning(Scope.MEMBER, "USER INFO ERROR", "wrong_realm"),
    Outcome.NO_SUCH_PLAYER: Meaning(Scope.MEMBER, "role not exist", "no_such_player"),
    Outcome.LEVEL_TOO_LOW: Meaning(Scope.MEMBER, "STOVE_LV ERROR", "level_too_low"),
    Outcome.SPEND_TOO_LOW: Meaning(Scope.MEMBER, "RECHARGE_MONEY ERROR", "spend_too_low"),
    Outcome.VIP_TOO_LOW: Meaning(Scope.MEMBER, "RECHARGE_MONEY_VIP ERROR", "vip_too_low"),
    Outcome.LEVEL_OR_SPEND_TOO_LOW: Meaning(
        Scope.MEMBER, "level or spend too low", "level_or_spend_too_low"
    ),
    Outcome.ACCOUNT_TOO_YOUNG: Meaning(Scope.MEMBER, "account too young", "account_too_young"),
    Outcome.TIMEOUT_RETRY: Meaning(Scope.MEMBER, "TIMEOUT RETRY", "game_timed_out", decisive=False),
    Outcome.SERVER_BUSY: Meaning(Scope.MEMBER, "server busy", "game_busy", decisive=False),
    Outcome.TOO_FREQUENT: Meaning(Scope.MEMBER, "TOO FREQUENT", "too_frequent"),
    Outcome.NOT_LOGIN: Meaning(Scope.MEMBER, "NOT LOGIN", "session_lost"),
    Outcome.SIGN_ERROR: Meaning(Scope.PROVIDER, "Sign Error", "signature_refused"),
    Outcome.PARAMS_ERROR: Meaning(Scope.PROVIDER, "params error", "field_missing"),
    Outcome.CAPTCHA: Meaning(Scope.PROVIDER, "captcha", "captcha"),
    Outcome.FORBIDDEN: Meaning(Scope.PROVIDER, "HTTP 401 or 403", "request_forbidden"),
    Outcome.UNRECOGNISED: Meaning(
        Scope.MEMBER, "unknown answer", "unknown_answer", decisive=False, recognised=False
    ),
    Outcome.UNREADABLE: Meaning(
        Scope.MEMBER, "unreadable answer", "unreadable_answer", decisive=False, recognised=False
    ),
    Outcome.SERVER_ERROR: Meaning(
        Scope.MEMBER, "server error", "server_failed", decisive=False, recognised=False
    ),
    Outcome.UNANSWERED: Meaning(
        Scope.MEMBER, "no answer", "no_answer", decisive=False, recognised=False
    ),
    Outcome.UNREACHABLE: Meaning(Scope.NONE, "unreachable", "unreachable", recognised=False),
    Outcome.THROTTLED: Meaning(Scope.NONE, "HTTP 429", "request_limit"),
    Outcome.NOT_SENT: Meaning(Scope.NONE, "not sent", "not_sent"),
}


def meaning(outcome: Outcome | str) -> Meaning:
    """Return the meaning of an outcome.

    Raises:
        ValueError: `outcome` is not a value of `Outcome`.
    """
    return MEANINGS[Outcome(outcome)]


PROVING = frozenset(o for o, m in MEANINGS.items() if m.proves_code)
UNDECIDED = frozenset(o for o, m in MEANINGS.items() if not m.decisive)
ABOUT_THE_CODE = frozenset(o for o, m in MEANINGS.items() if m.scope is Scope.CODE)
#: The game does not know this pair of player ID and realm. It checks the pair before the code.
WRONG_PLAYER = frozenset({Outcome.WRONG_REALM, Outcome.NO_SUCH_PLAYER})
#: The account does not meet a condition of the code. An account that meets a condition for one code
#: meets it for all codes with that condition, so one request answers for all of them.
ACCOUNT_CONDITIONS = frozenset(
    {
        Outcome.LEVEL_TOO_LOW,
        Outcome.SPEND_TOO_LOW,
        Outcome.VIP_TOO_LOW,
        Outcome.LEVEL_OR_SPEND_TOO_LOW,
        Outcome.ACCOUNT_TOO_YOUNG,
    }
)
#: The game has checked the code and sent a known answer about it.
JUDGES_CODE = PROVING | ABOUT_THE_CODE | ACCOUNT_CONDITIONS | {Outcome.CLAIM_LIMIT}
#: The game itself answered, with an unknown or general message.
ODD_WORDS = frozenset({Outcome.UNRECOGNISED, Outcome.CODE_ERROR})
#: There is an answer, but not a known one.
ODD_ANSWERS = ODD_WORDS | {Outcome.UNREADABLE, Outcome.SERVER_ERROR}
