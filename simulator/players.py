"""The players the simulator starts with: the same ones for the same seed."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.variation import draw

HOME_REALM = 1042
OTHER_REALM = 1043
#: What the codes of the demo ask for: every tenth player is below it.
DEMO_MIN_LEVEL = 9

_FIRST = (
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
_LAST = (
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


@dataclass(frozen=True, slots=True)
class Player:
    """Somebody who can be given codes. `realm` is what the game calls `kid`."""

    realm: int = HOME_REALM
    level: int = 30
    spend: float = 0
    vip: int = 0
    #: Of the account, in days.
    age: float = 1000
    name: str = "Nobody"


def seeded_players(count: int, seed: int) -> dict[str, Player]:
    """`count` players with IDs of nine digits; the first ones stay the same when more are asked for.

    Every twelfth lives in another realm, so that a guild of the home realm has a member to correct; every
    tenth has a level too low for the codes of the demo.
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

    low = index % 10 == 3
    return Player(
        realm=OTHER_REALM if index % 12 == 5 else HOME_REALM,
        level=1 + pick("level", DEMO_MIN_LEVEL - 1)
        if low
        else DEMO_MIN_LEVEL + 1 + pick("level", 21),
        spend=pick("spend", 5) * 10,
        vip=pick("vip", 9),
        name=f"{_FIRST[pick('first', len(_FIRST))]} {_LAST[pick('last', len(_LAST))]} {index + 1}",
    )
