"""`POST /api/gift_code_config`: is the service up? It is signed with `time` only and concerns no player."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator import answers
from simulator.endings import Answer, html_answer
from simulator.game import signature
from simulator.ledger import Ledger
from simulator.spoiling import too_many_attempts
from simulator.window import Seat
from simulator.wire import Request
from simulator.world import World


@dataclass(slots=True)
class ConfigApi:
    """An endpoint with a window of its own. It is no redeem request: the ledger has it in a list of its own."""

    world: World
    ledger: Ledger
    salt: str
    clock: Callable[[], float]

    def respond(self, request: Request) -> tuple[Answer, dict[str, Any]]:
        """Deal with one call. The record is to be closed when its status is known."""
        call = self.ledger.open_config_call(self.clock(), sorted(request.form()))
        seat = self.world.windows.take(request.address, request.path, self.clock())
        return self._answer(request, seat, call["n"]), call

    def _answer(self, request: Request, seat: Seat | None, n: int) -> Answer:
        if seat is not None and seat.is_refused:
            return too_many_attempts(self.world.seed, n)
        options = self.world.options
        if options.config_status != 200:
            return html_answer(options.config_status)
        fields = request.form()
        msg, err_code = answers.SUCCESS, answers.ERR_CODES[answers.SUCCESS]
        if not fields.get("time") or not fields.get("sign"):
            msg, err_code = "params error", ""
        elif options.config_checks_sign and fields["sign"] != signature(fields, self.salt):
            msg, err_code = "Sign Error", 0
        answer = Answer(200, answers.body(msg, err_code))
        if seat is not None and options.rate_headers:
            answer.headers |= {
                "X-RateLimit-Limit": str(seat.rate.requests),
                "X-RateLimit-Remaining": str(seat.remaining),
            }
        return answer
