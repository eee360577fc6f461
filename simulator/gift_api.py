"""`POST /api/gift_code`: count it, spoil it if so scripted, let the game decide, answer, write it down."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from simulator import answers
from simulator.answers import SUCCESS
from simulator.endings import Answer, Ending
from simulator.faults import AFTER, BEFORE, UNSEEN, Fault
from simulator.game import judge
from simulator.ledger import Entry, Ledger
from simulator.spoiling import forced_message, spoiled, too_many_attempts, with_headers
from simulator.window import Seat
from simulator.wire import Request
from simulator.world import World

#: What the honest answer is worth spoiling with when there is none yet (`cut` and `truncated` need a body).
_NOT_DONE = Answer(200, answers.body("TIMEOUT RETRY", 40004))


@dataclass(slots=True)
class GiftApi:
    """The game's one endpoint."""

    world: World
    ledger: Ledger
    salt: str
    clock: Callable[[], float]

    async def respond(self, request: Request) -> tuple[Ending, Entry]:
        """Deal with one request. The entry is to be closed when the ending has been sent."""
        fields = request.form()
        entry = Entry(
            n=self.ledger.next_number(),
            at=self.clock(),
            player=fields.get("fid"),
            realm=fields.get("kid"),
            code=fields.get("cdk"),
            address=request.address,
        )
        fault = self._fault(entry, UNSEEN)
        if fault is not None:
            self.ledger.open(entry)
            ending = await self._spoil(fault, entry, _NOT_DONE)
            if ending is not None:
                return ending, entry
        seat = self.world.windows.take(request.address, request.path, self.clock())
        if seat is not None:
            entry.window_opened_at, entry.window_number = seat.opened_at, seat.number
        if fault is None:
            self.ledger.open(entry)
        ending = self._refusal(seat, entry) or await self._work(fields, seat, entry)
        return ending, entry

    def _refusal(self, seat: Seat | None, entry: Entry) -> Answer | None:
        if seat is None or not seat.is_refused:
            return None
        answer = too_many_attempts(self.world.seed, entry.n)
        if self.world.options.retry_after:
            answer.headers["Retry-After"] = str(max(1, math.ceil(seat.closes_at - self.clock())))
        if self.world.options.reset_header:
            answer.headers["X-RateLimit-Reset"] = str(math.ceil(seat.closes_at))
        return answer

    async def _work(self, fields: Mapping[str, str], seat: Seat | None, entry: Entry) -> Ending:
        fault = self._fault(entry, BEFORE, AFTER)
        if fault is not None and fault.when == BEFORE:
            ending = await self._spoil(fault, entry, self._headed(_NOT_DONE, seat))
            if ending is not None:
                return ending
        if self.world.options.latency:
            await asyncio.sleep(self.world.options.latency)
        answer = self._headed(self._redeem(fields, entry), seat)
        if fault is not None and fault.when == AFTER:
            return await self._spoil(fault, entry, answer) or answer
        return answer

    def _redeem(self, fields: Mapping[str, str], entry: Entry) -> Answer:
        """The game's own work: decide, grant, say so."""
        now = self.clock()
        msg = judge(self.world, fields, salt=self.salt, now=now)
        if msg == SUCCESS:
            player, code = fields["fid"], fields["cdk"]
            issue = self.world.give(player, code)
            entry.granted = True
            self.ledger.grant(n=entry.n, player=player, code=code, issue=issue, at=now)
        return self._say(
            entry, *answers.said(self.world.seed, entry.n, msg, vary=self.world.options.vary)
        )

    async def _spoil(self, fault: Fault, entry: Entry, honest: Answer) -> Ending | None:
        """What is sent instead of `honest`; None after a delay, which only costs time."""
        entry.fault, entry.fault_when = fault.kind, fault.when
        if fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
            return None
        entry.msg = entry.err_code = None
        if fault.kind == "msg":
            said = forced_message(
                fault, seed=self.world.seed, n=entry.n, vary=self.world.options.vary
            )
            answer = self._say(entry, *said)
            answer.headers = dict(honest.headers)
            return with_headers(fault, answer)
        return spoiled(fault, honest, seed=self.world.seed, n=entry.n)

    def _say(self, entry: Entry, msg: str, err_code: int | str) -> Answer:
        entry.msg, entry.err_code = msg.removesuffix("."), err_code
        return Answer(200, answers.body(msg, err_code))

    def _headed(self, answer: Answer, seat: Seat | None) -> Answer:
        headers: dict[str, str] = {}
        if seat is not None and self.world.options.rate_headers:
            headers["X-RateLimit-Limit"] = str(seat.rate.requests)
            headers["X-RateLimit-Remaining"] = str(seat.remaining)
        return Answer(answer.status, answer.body, answer.content_type, headers)

    def _fault(self, entry: Entry, *whens: str) -> Fault | None:
        return self.world.script.choose(
            entry.n, whens, player=entry.player or "", code=entry.code or ""
        )
