"""Century Games' gift-code API: Whiteout Survival, Kingshot, Lord Rush, and the simulator that behaves like them.

The facts are in docs/reference/protocol.md, section 1.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

from giftcodes.clients.games.base import GameClient, SignedRequest, Verdict
from giftcodes.domain.outcomes import Outcome

#: msg and err_code of each answer that is known (docs/reference/protocol.md, section 1). An empty
#: text: not known, or none.
_TABLE: tuple[tuple[str, str, Outcome], ...] = (
    ("SUCCESS", "20000", Outcome.SUCCESS),
    ("RECEIVED", "40008", Outcome.RECEIVED),
    ("SAME TYPE EXCHANGE", "40011", Outcome.SAME_TYPE),
    ("CDK NOT FOUND", "40014", Outcome.CODE_NOT_FOUND),
    ("TIME ERROR", "40007", Outcome.CODE_EXPIRED),
    ("USED", "40005", Outcome.CLAIM_LIMIT),
    ("", "40015", Outcome.CODE_ERROR),
    ("USER INFO ERROR", "40020", Outcome.WRONG_REALM),
    ("role not exist", "40001", Outcome.NO_SUCH_PLAYER),
    ("STOVE_LV ERROR", "40006", Outcome.LEVEL_TOO_LOW),
    ("RECHARGE_MONEY ERROR", "40017", Outcome.SPEND_TOO_LOW),
    ("RECHARGE_MONEY_VIP ERROR", "40018", Outcome.VIP_TOO_LOW),
    ("", "40010", Outcome.LEVEL_OR_SPEND_TOO_LOW),
    ("", "40012", Outcome.ACCOUNT_TOO_YOUNG),
    ("TIMEOUT RETRY", "40004", Outcome.TIMEOUT_RETRY),
    ("", "40016", Outcome.SERVER_BUSY),
    ("TOO FREQUENT", "40019", Outcome.TOO_FREQUENT),
    ("NOT LOGIN", "40009", Outcome.NOT_LOGIN),
    ("", "40100", Outcome.CAPTCHA),
    ("", "40101", Outcome.CAPTCHA),
    ("", "40102", Outcome.CAPTCHA),
    ("", "40103", Outcome.CAPTCHA),
    ("Sign Error", "", Outcome.SIGN_ERROR),
    ("params error", "", Outcome.PARAMS_ERROR),
)


def _folded(msg: str) -> str:
    return " ".join(msg.split()).rstrip(". ").lower()


_BY_MSG = {_folded(msg): outcome for msg, _, outcome in _TABLE if msg}
_BY_ERR_CODE = {err_code: outcome for _, err_code, outcome in _TABLE if err_code}


class CenturyClient(GameClient):
    """Signs as the game's gift page does, and translates its answers."""

    def order(self, *, player_id: str, code: str, realm: int) -> SignedRequest:
        fields = {"cdk": code, "fid": player_id, "kid": str(realm), "time": str(int(time.time()))}
        return self._signed(fields)

    def health_order(self) -> SignedRequest:
        return self._signed({"time": str(int(time.time()))})

    def _signed(self, fields: Mapping[str, str]) -> SignedRequest:
        sign = signature(fields, self.config.salt)
        origin = self.config.origin
        return SignedRequest(
            fields={**fields, "sign": sign},
            # As the public clients send them: the Referer with a slash at the end (docs/reference/protocol.md).
            headers={"Origin": origin, "Referer": f"{origin}/"} if origin else {},
            secrets=(sign,),
        )

    def translate(self, body: bytes) -> Verdict:
        return translate(body)


def signature(fields: Mapping[str, str], salt: str) -> str:
    """The md5, in lower-case hex, of the raw fields sorted by name with the salt behind them."""
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields)) + salt
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def translate(body: bytes) -> Verdict:
    """What a body means. Never raises.

    A known message decides, and so does a known `err_code` under an unknown or missing message. Where both are known
    and differ, the answer is unclear. A success must say so in every known field, `code` 0 among them.
    """
    answer = _json(body)
    if not isinstance(answer, dict):
        return Verdict(Outcome.UNREADABLE)
    msg, err_code = answer.get("msg"), _number(answer.get("err_code"))
    by_number = _BY_ERR_CODE.get(err_code)
    if not isinstance(msg, str | None) or (msg is None and by_number is None):
        return Verdict(Outcome.UNREADABLE, err_code=err_code)
    by_msg = _BY_MSG.get(_folded(msg or ""))
    found = by_msg or by_number or Outcome.UNRECOGNISED
    if by_msg and by_number and by_msg is not by_number:
        found = Outcome.UNRECOGNISED
    if found is Outcome.SUCCESS and _number(answer.get("code")) != "0":
        found = Outcome.UNRECOGNISED
    return Verdict(found, msg=msg or "", err_code=err_code)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        # Not JSON, not text, a number with thousands of digits; or nested too deep.
        return None


def _number(value: object) -> str:
    """A number as the game might write it, as text: 40008, "40008" and 40008.0 are the same."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() if isinstance(value, str | int | float) else ""
