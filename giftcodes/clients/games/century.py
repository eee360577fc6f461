"""Century Games' gift-code API: Whiteout Survival, Kingshot, Lord Rush, and the simulator.

docs/reference/protocol.md, section 1, has the facts.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

from giftcodes.clients.games.base import GameClient, SignedRequest, Translation
from giftcodes.domain.outcomes import Outcome

#: The msg and err_code of each known answer (docs/reference/protocol.md, section 1). An empty msg
#: or err_code means that we do not know it, or that the game sends none.
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
    """Signs requests like the game's gift page, and translates the answers."""

    def sign_redeem(self, *, player_id: str, code: str, realm: int) -> SignedRequest:
        fields = {"cdk": code, "fid": player_id, "kid": str(realm), "time": str(int(time.time()))}
        return self._signed(fields)

    def sign_health_check(self) -> SignedRequest:
        return self._signed({"time": str(int(time.time()))})

    def _signed(self, fields: Mapping[str, str]) -> SignedRequest:
        sign = signature(fields, self.config.salt)
        origin = self.config.origin
        return SignedRequest(
            fields={**fields, "sign": sign},
            # Public clients send the same headers, with a slash at the end of the Referer
            # (docs/reference/protocol.md).
            headers={"Origin": origin, "Referer": f"{origin}/"} if origin else {},
            secrets=(sign,),
        )

    def translate(self, body: bytes) -> Translation:
        return translate(body)


def signature(fields: Mapping[str, str], salt: str) -> str:
    """Return the MD5 hash, in lower-case hex, of the raw fields, sorted by name, and the salt."""
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields)) + salt
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def translate(body: bytes) -> Translation:
    """Return the meaning of a body. Never raises.

    A message in `_TABLE` decides. If the message is missing or not in the table, an `err_code` in
    the table decides. The answer is UNRECOGNISED if both are in the table, with different meanings,
    or if it is a success whose `code` is not 0.
    """
    answer = _json(body)
    if not isinstance(answer, dict):
        return Translation(Outcome.UNREADABLE)
    msg, err_code = answer.get("msg"), _number(answer.get("err_code"))
    by_number = _BY_ERR_CODE.get(err_code)
    if not isinstance(msg, str | None) or (msg is None and by_number is None):
        return Translation(Outcome.UNREADABLE, err_code=err_code)
    by_msg = _BY_MSG.get(_folded(msg or ""))
    found = by_msg or by_number or Outcome.UNRECOGNISED
    if by_msg and by_number and by_msg is not by_number:
        found = Outcome.UNRECOGNISED
    if found is Outcome.SUCCESS and _number(answer.get("code")) != "0":
        found = Outcome.UNRECOGNISED
    return Translation(found, msg=msg or "", err_code=err_code)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        # Not JSON, not text, a number with thousands of digits, or nested too deep.
        return None


def _number(value: object) -> str:
    """Return a number as text. 40008, "40008" and 40008.0 give the same text."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() if isinstance(value, str | int | float) else ""
