"""The game's endpoints: `/api/gift_code` and its health check, `/api/gift_code_config`."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.faults import (
    AFTER,
    BEFORE,
    UNSEEN,
    Fault,
    faulty_reply,
    forced_message,
    too_many_attempts,
    with_headers,
)
from simulator.game import (
    ERR_CODES,
    SUCCESS,
    Code,
    Player,
    message_body,
    signature,
    varied_message,
)
from simulator.rate_limits import WindowCount
from simulator.state import Entry, Ledger
from simulator.wire import Reply, Request, Response, html_response
from simulator.world import World

_REQUIRED = ("fid", "cdk", "kid", "time", "sign")
#: What the faults `cut` and `truncated` send half of, if the game did not process the request.
_NOT_DONE = Response(200, message_body("TIMEOUT RETRY", 40004))


def decide(world: World, fields: Mapping[str, str], *, salt: str, now: float) -> str:
    """Return the game's message for a request processed at `now` (Unix seconds). Grants nothing.

    docs/reference/protocol.md says only that player and realm are checked before the code. Here,
    the gap between a player's requests is checked after player and realm, because it can be checked
    only for a known player. It is checked before the code, because a request that comes too soon
    should reach no later check.
    """
    if any(not fields.get(name) for name in _REQUIRED):
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
    return _decide_code(world, player_id, player, fields["cdk"], now)


def _decide_code(world: World, player_id: str, player: Player, name: str, now: float) -> str:
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


def _rate_headers(world: World, counted: WindowCount | None) -> dict[str, str]:
    if counted is None or not world.options.rate_headers:
        return {}
    return {
        "X-RateLimit-Limit": str(counted.rate.requests),
        "X-RateLimit-Remaining": str(counted.remaining),
    }


@dataclass(slots=True)
class GiftApi:
    """`POST /api/gift_code`: it counts a request, applies a fault, decides, grants and records."""

    world: World
    ledger: Ledger
    salt: str
    clock: Callable[[], float]

    async def respond(self, request: Request) -> tuple[Reply, Entry]:
        """Process one request.

        The caller closes the ledger entry when the reply has been sent.
        """
        fields = request.form()
        entry = Entry(
            n=self.ledger.next_number(),
            at=self.clock(),
            player=fields.get("fid"),
            realm=fields.get("kid"),
            code=fields.get("cdk"),
            address=request.address,
        )
        fault = self._choose_fault(entry, UNSEEN)
        if fault is not None:
            self.ledger.open(entry)
            reply = await self._apply_fault(fault, entry, _NOT_DONE)
            if reply is not None:
                return reply, entry
        counted = self.world.windows.count(request.address, request.path, self.clock())
        if counted is not None:
            entry.window_opened_at, entry.window_number = counted.opened_at, counted.number
        if fault is None:
            self.ledger.open(entry)
        reply = self._refusal(counted, entry) or await self._process(fields, counted, entry)
        return reply, entry

    def _refusal(self, counted: WindowCount | None, entry: Entry) -> Response | None:
        if counted is None or not counted.is_refused:
            return None
        response = too_many_attempts(self.world.seed, entry.n)
        if self.world.options.retry_after:
            seconds = max(1, math.ceil(counted.closes_at - self.clock()))
            response.headers["Retry-After"] = str(seconds)
        if self.world.options.reset_header:
            response.headers["X-RateLimit-Reset"] = str(math.ceil(counted.closes_at))
        return response

    async def _process(
        self, fields: Mapping[str, str], counted: WindowCount | None, entry: Entry
    ) -> Reply:
        fault = self._choose_fault(entry, BEFORE, AFTER)
        if fault is not None and fault.when == BEFORE:
            reply = await self._apply_fault(fault, entry, self._with_rate(_NOT_DONE, counted))
            if reply is not None:
                return reply
        if self.world.options.latency:
            await asyncio.sleep(self.world.options.latency)
        response = self._with_rate(self._redeem(fields, entry), counted)
        if fault is not None and fault.when == AFTER:
            return await self._apply_fault(fault, entry, response) or response
        return response

    def _redeem(self, fields: Mapping[str, str], entry: Entry) -> Response:
        """Decide on a request, and grant the code if the message is SUCCESS."""
        now = self.clock()
        msg = decide(self.world, fields, salt=self.salt, now=now)
        if msg == SUCCESS:
            player, code = fields["fid"], fields["cdk"]
            issue = self.world.grant(player, code)
            entry.granted = True
            self.ledger.grant(n=entry.n, player=player, code=code, issue=issue, at=now)
        vary = self.world.options.vary
        return self._message(entry, *varied_message(self.world.seed, entry.n, msg, vary=vary))

    async def _apply_fault(self, fault: Fault, entry: Entry, intended: Response) -> Reply | None:
        """Return the reply that replaces `intended`. None after a delay, which replaces nothing."""
        entry.fault, entry.fault_when = fault.kind, fault.when
        if fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
            return None
        entry.msg = entry.err_code = None
        seed, vary = self.world.seed, self.world.options.vary
        if fault.kind == "msg":
            forced = forced_message(fault, seed=seed, n=entry.n, vary=vary)
            response = self._message(entry, *forced)
            response.headers = dict(intended.headers)
            return with_headers(fault, response)
        return faulty_reply(fault, intended, seed=seed, n=entry.n)

    def _message(self, entry: Entry, msg: str, err_code: int | str) -> Response:
        entry.msg, entry.err_code = msg.removesuffix("."), err_code
        return Response(200, message_body(msg, err_code))

    def _with_rate(self, response: Response, counted: WindowCount | None) -> Response:
        headers = _rate_headers(self.world, counted)
        return Response(response.status, response.body, response.content_type, headers)

    def _choose_fault(self, entry: Entry, *whens: str) -> Fault | None:
        return self.world.script.choose(
            entry.n, whens, player=entry.player or "", code=entry.code or ""
        )


@dataclass(slots=True)
class ConfigApi:
    """`POST /api/gift_code_config`: a request has only a signed `time`, and names no player.

    These requests have their own window and their own list in the ledger, because they do not
    redeem a code.
    """

    world: World
    ledger: Ledger
    salt: str
    clock: Callable[[], float]

    def respond(self, request: Request) -> tuple[Response, dict[str, Any]]:
        """Process one call. The caller closes the call's record when the status is known."""
        call = self.ledger.open_config_call(self.clock(), sorted(request.form()))
        counted = self.world.windows.count(request.address, request.path, self.clock())
        return self._response(request, counted, call["n"]), call

    def _response(self, request: Request, counted: WindowCount | None, n: int) -> Response:
        if counted is not None and counted.is_refused:
            return too_many_attempts(self.world.seed, n)
        options = self.world.options
        if options.config_status != 200:
            return html_response(options.config_status)
        fields = request.form()
        msg = SUCCESS
        if not fields.get("time") or not fields.get("sign"):
            msg = "params error"
        elif options.config_checks_sign and fields["sign"] != signature(fields, self.salt):
            msg = "Sign Error"
        body = message_body(msg, ERR_CODES[msg])
        return Response(200, body, headers=_rate_headers(self.world, counted))
