"""What the game decides about one request: the checks in their order, and the grant."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from simulator.answers import SUCCESS
from simulator.codes import Code
from simulator.players import Player
from simulator.world import World

_NEEDED = ("fid", "cdk", "kid", "time", "sign")


def signature(fields: Mapping[str, str], salt: str) -> str:
    """The signature the game expects: all fields but `sign`, sorted by name, raw values, the salt behind."""
    signed = "&".join(f"{name}={fields[name]}" for name in sorted(fields) if name != "sign")
    return hashlib.md5((signed + salt).encode(), usedforsecurity=False).hexdigest()


def judge(world: World, fields: Mapping[str, str], *, salt: str, now: float) -> str:
    """The game's word on a request that it works on at `now`. Nothing is granted yet.

    The protocol knows that player and realm are checked before the code, and no more of the order. Here the
    pace of a player comes right after: it needs to know whom it slows down, and it protects everything behind
    it.
    """
    if any(not fields.get(name) for name in _NEEDED):
        return "params error"
    if fields["sign"] != signature(fields, salt):
        return "Sign Error"
    player_id = fields["fid"]
    player = world.players.get(player_id)
    if player is None:
        return "role not exist" if world.options.old_wording else "USER INFO ERROR"
    if fields["kid"] != str(player.realm):
        return "USER INFO ERROR"
    if world.pace.is_too_soon(player_id, now, world.options.player_gap):
        return "TOO FREQUENT"
    return _judge_code(world, player_id, player, fields["cdk"], now)


def _judge_code(world: World, player_id: str, player: Player, name: str, now: float) -> str:
    code = world.codes.get(name)
    if code is None or (code.works_from is not None and now < code.works_from):
        return "CDK NOT FOUND"
    holders = world.holders.get(name, set())
    if world.options.received_first and player_id in holders:
        return "RECEIVED"
    if code.expires_at is not None and now >= code.expires_at:
        return "TIME ERROR"
    if code.cap is not None and len(holders) >= code.cap:
        return "USED"
    if code.group is not None and _has_another_of_group(world, player_id, name, code.group):
        return "SAME TYPE EXCHANGE"
    return _unmet_condition(player, code) or ("RECEIVED" if player_id in holders else SUCCESS)


def _has_another_of_group(world: World, player_id: str, name: str, group: str) -> bool:
    return any(
        player_id in world.holders.get(other, ())
        for other, code in world.codes.items()
        if code.group == group and other != name
    )


def _unmet_condition(player: Player, code: Code) -> str | None:
    if player.level < code.min_level:
        return "STOVE_LV ERROR"
    if player.spend < code.min_spend:
        return "RECHARGE_MONEY ERROR"
    if player.vip < code.min_vip:
        return "RECHARGE_MONEY_VIP ERROR"
    if player.age < code.min_age:
        return "ACCOUNT AGE ERROR"
    return None
