"""What the game says: the messages of its protocol with their numbers, and the ways it varies them."""

from __future__ import annotations

import json
from typing import Any

from simulator.variation import draw

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
    # The game's own words for these numbers are not known. These are ours, and a client must not need them.
    "ACCOUNT AGE ERROR": 40012,
    "LEVEL OR MONEY ERROR": 40010,
    "CDK GENERAL ERROR": 40015,
    "SERVER BUSY": 40016,
    "CAPTCHA GET TOO FREQUENT": 40100,
    "CAPTCHA CHECK TOO FREQUENT": 40101,
    "CAPTCHA EXPIRED": 40102,
    "CAPTCHA CHECK ERROR": 40103,
}
#: For a message that is in no table.
UNKNOWN_ERR_CODE = 49999


def said(seed: int, n: int, msg: str, *, vary: bool) -> tuple[str, int | str]:
    """The message and err_code as request `n` gets them.

    Error messages end with a full stop that comes and goes. With `vary` off there is none. What was said to one
    request never changes with the same seed.
    """
    err_code = ERR_CODES.get(msg, UNKNOWN_ERR_CODE)
    if msg != SUCCESS and vary and draw(seed, n, "full stop") < 0.5:
        msg += "."
    return msg, err_code


def body(msg: str, err_code: Any) -> bytes:
    """The JSON of one answer. `code` is 0 for a success and 1 for everything else."""
    code = 0 if msg == SUCCESS else 1
    return json.dumps({"code": code, "data": [], "msg": msg, "err_code": err_code}).encode()
