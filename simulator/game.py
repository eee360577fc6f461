"""The game's data: messages, players and codes, and how players and codes are made from a seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

SUCCESS = "SUCCESS"

#: The err_code of each message, from the table in docs/reference/protocol.md.
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
    # The game's messages for the numbers below are not known. Their messages here are invented, so
    # no client may depend on them.
    "ACCOUNT AGE ERROR": 40012,
    "LEVEL OR MONEY ERROR": 40010,
    "CDK GENERAL ERROR": 40015,
    "SERVER BUSY": 40016,
    "CAPTCHA GET TOO FREQUENT": 40100,
    "CAPTCHA CHECK TOO FREQUENT": 40101,
    "CAPTCHA EXPIRED": 40102,
    "CAPTCHA CHECK ERROR": 40103,
}
#: The err_code of a message that is not in the table.
UNKNOWN_ERR_CODE = 49999

HOME_REALM = 1042
OTHER_REALM = 1043
#: The level that the demo's codes require. Every tenth player is below it.
DEMO_MIN_LEVEL = 9

_FIRST_NAMES = (
    "Amber",
    "Birch",
    "Cinder",
    "Dusk",
    "Ember",
    "Fjord",
    "Gale",
    "Hazel",
    "Iris",
    "Juniper",
    "Kestrel",
    "Lumen",
)
_LAST_NAMES = (
    "Hammer",
    "Wren",
    "Badger",
    "Lantern",
    "Otter",
    "Anvil",
    "Raven",
    "Willow",
    "Śnieg",
    "Лис",
    "雪",
    "Wolf",
)
_CODE_WORDS = (
    "Frost",
    "AURORA",
    "Ember",
    "SNOW",
    "Beacon",
    "HARVEST",
    "Lantern",
    "WINTER",
    "Summit",
    "CARNIVAL",
)
_CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


@dataclass(frozen=True, slots=True)
class Player:
    """A player. `realm` is the game's `kid`; `age` is the age of the account in days."""

    realm: int = HOME_REALM
    level: int = 30
    spend: float = 0
    vip: int = 0
    age: float = 1000
    name: str = "Player"


@dataclass(frozen=True, slots=True)
class Code:
    """The conditions of one code.

    Times are Unix seconds, and `min_age` is in days. None means that there is no limit. A reissue
    increases `issue`. Grants of earlier issues then no longer count.
    """

    works_from: float | None = None
    expires_at: float | None = None
    cap: int | None = None
    group: str | None = None
    min_level: int = 0
    min_spend: float = 0
    min_vip: int = 0
    min_age: float = 0
    issue: int = 1


def draw(*parts: object) -> float:
    """Return a pseudo-random number in [0, 1): a hash of `parts`. Equal parts give equal numbers.

    Unlike a random generator, this has no state, so the order of requests changes no result.
    """
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48


def seeded_players(count: int, seed: int) -> dict[str, Player]:
    """Make `count` players with nine-digit IDs. A larger count adds players, and changes none.

    Every twelfth player is in another realm, so that a guild of the home realm has a member to
    correct. Every tenth player has a level that is too low for the demo's codes.
    """
    players: dict[str, Player] = {}
    attempt = 0
    while len(players) < count:
        player_id = str(100_000_000 + int(draw("player", seed, attempt) * 900_000_000))
        attempt += 1
        if player_id not in players:
            players[player_id] = _seeded_player(len(players), seed)
    return players


def _seeded_player(index: int, seed: int) -> Player:
    def pick(what: str, choices: int) -> int:
        return int(draw(what, seed, index) * choices)

    first = _FIRST_NAMES[pick("first", len(_FIRST_NAMES))]
    last = _LAST_NAMES[pick("last", len(_LAST_NAMES))]
    return Player(
        realm=OTHER_REALM if index % 12 == 5 else HOME_REALM,
        level=1 + pick("level", DEMO_MIN_LEVEL - 1)
        if index % 10 == 3
        else DEMO_MIN_LEVEL + 1 + pick("level", 21),
        spend=pick("spend", 5) * 10,
        vip=pick("vip", 9),
        name=f"{first} {last} {index + 1}",
    )


def seeded_code_name(seed: int, counter: int) -> str:
    """Return the name of the demo's code number `counter`.

    The number is part of the name, so the name is unique.
    """
    word = _CODE_WORDS[int(draw("word", seed, counter) * len(_CODE_WORDS))]
    tail = "".join(
        _CODE_LETTERS[int(draw("letter", seed, counter, place) * len(_CODE_LETTERS))]
        for place in range(4)
    )
    return f"{word}{tail}{counter:03d}"


def feed_line(name: str, now: float) -> str:
    """Return the feed's line for a code published on the UTC day of `now` (Unix seconds)."""
    return f"{name} {datetime.fromtimestamp(now, UTC):%d.%m.%Y}"


def signature(fields: Mapping[str, str], salt: str) -> str:
    """Return the signature that the game expects.

    It is the MD5 hash of all fields except `sign`, sorted by name, followed by the salt.
    """
    signed = "&".join(f"{name}={fields[name]}" for name in sorted(fields) if name != "sign")
    return hashlib.md5((signed + salt).encode(), usedforsecurity=False).hexdigest()


def varied_message(seed: int, n: int, msg: str, *, vary: bool) -> tuple[str, int | str]:
    """Return the message and err_code for request `n`. The same seed gives the same result.

    With `vary`, about half of the error messages end with a full stop, like the game's.
    """
    err_code = ERR_CODES.get(msg, UNKNOWN_ERR_CODE)
    if msg != SUCCESS and vary and draw(seed, n, "full stop") < 0.5:
        msg += "."
    return msg, err_code


def message_body(msg: str, err_code: Any) -> bytes:
    """Return the JSON of one answer. `code` is 0 for a success and 1 for everything else."""
    code = 0 if msg == SUCCESS else 1
    return json.dumps({"code": code, "data": [], "msg": msg, "err_code": err_code}).encode()
