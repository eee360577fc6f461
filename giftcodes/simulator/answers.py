"""What the game says: the messages of its protocol with their numbers, and the ways it varies them."""

from __future__ import annotations

import json
from typing import Any

from giftcodes.simulator.variation import draw

SUCCESS = "SUCCESS"

#: From the table in the game's protocol.
ERR_CODES: dict[str, int | str] = {
    SUCCESS: 20000,
    "RECEIVED": 40008,
    "SAME TYPE EXCHANGE": 40011,
    "CDK NOT FOUND": 40014,
    "TIME ERROR": 40007,
    "USED": 40005,
    "USER INFO ERROR": 40020,
    "role not exist": 40001,
    "STOVE_LV ERROR": 40006,
    "RECHARGE_MONEY ERROR": 40017,
    "RECHARGE_MONEY_VIP ERROR": 40018,
    "TIMEOUT RETRY": 40004,
    "TOO FREQUENT": 40019,
    "NOT LOGIN": 40009,
    "Sign Error": 0,
    "params error": "",
}
#: For a message that is in no table.
UNKNOWN_ERR_CODE = 49999


def said(seed: int, n: int, msg: str, *, vary: bool) -> tuple[str, int | str]:
    """The message and err_code as request `n` gets them.

    Error messages end with a full stop that comes and goes, and the number is now and then 0 or empty. With
    `vary` off both are as the table has them. What was said to one request never changes with the same seed.
    """
    err_code = ERR_CODES.get(msg, UNKNOWN_ERR_CODE)
    if msg == SUCCESS or not vary:
        return msg, err_code
    if draw(seed, n, "full stop") < 0.5:
        msg += "."
    number = draw(seed, n, "err_code")
    if number >= 0.8:
        err_code = 0 if number < 0.9 else ""
    return msg, err_code


def body(msg: str, err_code: Any) -> bytes:
    """The JSON of one answer. `code` is 0 for a success and 1 for everything else."""
    code = 0 if msg == SUCCESS else 1
    return json.dumps({"code": code, "data": [], "msg": msg, "err_code": err_code}).encode()
