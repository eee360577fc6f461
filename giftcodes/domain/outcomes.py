"""What an answer of the game means: the one table that the rest of the system decides by.

Pure values, no I/O. The game's own strings are known to `giftcodes.clients.games` alone.
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
    #: USED: a claim limit is reached, the account's or the code's. The stored value is older than that knowledge.
    CLAIM_LIMIT = "code_used_up"
    #: A general error about the code, without saying which.
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
    #: The game wants a captcha solved. Redeemer solves none.
    CAPTCHA = "captcha"
    #: HTTP 401 or 403 without an answer of the game: the request, or our address, is refused.
    FORBIDDEN = "forbidden"
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
    """One row of the table in docs/reference/outcomes.md.

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
    Outcome.RECEIVED: Meaning(
        Scope.MEMBER, "RECEIVED", "The player has this code already.", proves_code=True
    ),
    Outcome.SAME_TYPE: Meaning(
        Scope.MEMBER,
        "SAME TYPE EXCHANGE",
        "The player has taken another code of the same group, and the game gives one of them only.",
        proves_code=True,
    ),
    Outcome.CODE_NOT_FOUND: Meaning(
        Scope.CODE, "CDK NOT FOUND", "The game does not know this code."
    ),
    Outcome.CODE_EXPIRED: Meaning(Scope.CODE, "TIME ERROR", "The code has expired."),
    Outcome.CLAIM_LIMIT: Meaning(
        Scope.MEMBER,
        "USED",
        "The game says that a claim limit is reached: this account's, or the code's. It is tried again every day.",
    ),
    Outcome.CODE_ERROR: Meaning(
        Scope.MEMBER,
        "general error",
        "The game reports an error about this code and does not say which. It is asked again.",
        decisive=False,
        recognised=False,
    ),
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
    Outcome.LEVEL_OR_SPEND_TOO_LOW: Meaning(
        Scope.MEMBER,
        "level or spend too low",
        "The player's level is too low for this code, or the player has spent too little in the game. It is tried "
        "again every day.",
    ),
    Outcome.ACCOUNT_TOO_YOUNG: Meaning(
        Scope.MEMBER,
        "account too young",
        "The player's account is too young for this code. It is tried again every day.",
    ),
    Outcome.TIMEOUT_RETRY: Meaning(
        Scope.MEMBER,
        "TIMEOUT RETRY",
        "The game had a hiccup and does not say whether the code was granted. It is asked again.",
        decisive=False,
    ),
    Outcome.SERVER_BUSY: Meaning(
        Scope.MEMBER,
        "server busy",
        "The game is busy and may still deliver the code. It is asked again later.",
        decisive=False,
    ),
    Outcome.TOO_FREQUENT: Meaning(
        Scope.MEMBER,
        "TOO FREQUENT",
        "The game asks for a pause between two requests for this player.",
    ),
    Outcome.NOT_LOGIN: Meaning(
        Scope.MEMBER, "NOT LOGIN", "The game lost its session. It is asked again."
    ),
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
    Outcome.CAPTCHA: Meaning(
        Scope.PROVIDER,
        "captcha",
        "The game asks for a captcha. Redeemer solves no captchas. Redeem by hand on the game's page until the game "
        "stops asking for it.",
    ),
    Outcome.FORBIDDEN: Meaning(
        Scope.PROVIDER,
        "HTTP 401 or 403",
        "The game's server refused the request itself (HTTP 401 or 403). It may refuse this server's address or "
        "clock, or the Origin header. Check the server's clock, and whether the game's own gift page opens from it.",
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
        Scope.NOBODY,
        "HTTP 429",
        "The game's request limit was reached. It goes on in the next window.",
    ),
    Outcome.NOT_SENT: Meaning(
        Scope.NOBODY,
        "not sent",
        "The worker was held up past its deadline and did not send the request.",
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
#: The game does not know the pair of player ID and realm. It checks this pair before the code.
WRONG_PLAYER = frozenset({Outcome.WRONG_REALM, Outcome.NO_SUCH_PLAYER})
#: A condition of the player's account is not met. When it is met, it helps for all codes with that condition.
ACCOUNT_CONDITIONS = frozenset(
    {
        Outcome.LEVEL_TOO_LOW,
        Outcome.SPEND_TOO_LOW,
        Outcome.VIP_TOO_LOW,
        Outcome.LEVEL_OR_SPEND_TOO_LOW,
        Outcome.ACCOUNT_TOO_YOUNG,
    }
)
#: With these the game has looked at the code, and has said something known about it.
JUDGES_CODE = PROVING | ABOUT_THE_CODE | ACCOUNT_CONDITIONS | {Outcome.CLAIM_LIMIT}
#: The game itself answered, in words that say nothing that is known here.
ODD_WORDS = frozenset({Outcome.UNRECOGNISED, Outcome.CODE_ERROR})
#: An answer came, and it is not one of the game's known answers.
ODD_ANSWERS = ODD_WORDS | {Outcome.UNREADABLE, Outcome.SERVER_ERROR}
