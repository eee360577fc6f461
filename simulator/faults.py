"""Scripted faults: which requests they affect, and the reply that each of them sends.

A fault is posted as JSON. These fields say what it does, and to which requests:

    fault        the kind; `API_KINDS` and `FEED_KINDS` list the kinds and the further fields that
                 each allows
    when         `unseen`: the request is lost before the game counts it
                 `before` (default): the game counts it in its window, but does nothing else
                 `after`: the game does its work, including a grant, but the reply is replaced
    player, code only requests for this player or code
    nth          only the request that is number `nth` in the ledger
    times        how many requests it affects (default 1; null: no limit)
    probability  the probability that it affects each of these requests (default 1)

Faults of the feed do not have `when`, `player` or `code`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from simulator import validation
from simulator.game import draw, varied_message
from simulator.wire import (
    HTML,
    ConnectionReset,
    CutResponse,
    DripResponse,
    HugeResponse,
    NoResponse,
    Reply,
    Response,
    html_response,
    json_response,
)

UNSEEN = "unseen"
BEFORE = "before"
AFTER = "after"

#: Every kind, with the fields that it allows.
_COMMON_KINDS: dict[str, frozenset[str]] = {
    "delay": frozenset({"seconds"}),
    "drop": frozenset(),
    "reset": frozenset(),
    "status": frozenset({"status", "headers"}),
    "429": frozenset({"headers"}),
    "html": frozenset({"headers"}),
    "json": frozenset({"body", "status", "headers"}),
    "garbage": frozenset(),
    "truncated": frozenset(),
    "cut": frozenset(),
    "huge": frozenset({"bytes"}),
    "drip": frozenset({"seconds", "part"}),
    "redirect": frozenset({"location", "status"}),
}
API_KINDS = _COMMON_KINDS | {"msg": frozenset({"msg", "err_code", "headers"})}
FEED_KINDS = _COMMON_KINDS | {"empty": frozenset(), "detail": frozenset(), "error": frozenset()}

_DEFAULT_STATUS = {"status": 503, "json": 200, "redirect": 302}
_SELECTORS = {
    "nth": validation.whole(1),
    "times": validation.or_null(validation.whole(1)),
    "probability": validation.number(0, 1),
}
_API_SELECTORS = _SELECTORS | {
    "when": validation.one_of(UNSEEN, BEFORE, AFTER),
    "code": validation.text,
    "player": validation.text,
}
_DETAILS: dict[str, validation.Check] = {
    "seconds": validation.number(0),
    "status": validation.whole(100),
    "headers": validation.texts,
    "body": validation.anything,
    "bytes": validation.whole(0),
    "part": validation.one_of("body", "head"),
    "location": validation.text,
    "msg": validation.text,
    "err_code": validation.anything,
}


@dataclass(slots=True)
class Fault:
    """One scripted fault. It can affect `times` more requests; None means any number."""

    kind: str
    number: int = 0
    when: str = BEFORE
    code: str | None = None
    player: str | None = None
    nth: int | None = None
    times: int | None = 1
    probability: float = 1.0
    seconds: float = 1.0
    status: int = 503
    headers: dict[str, str] | None = None
    body: Any = None
    bytes: int = 10_000_000
    part: str = "body"
    location: str = "/_sim/trap"
    msg: str = "SOMETHING NEW"
    err_code: Any = None

    def matches(self, n: int, player: str, code: str) -> bool:
        """Whether the fault's selectors match request `n`."""
        return (
            (self.nth is None or self.nth == n)
            and (self.player is None or self.player == player)
            and (self.code is None or self.code == code)
        )

    def as_json(self) -> dict[str, Any]:
        """Return the fault as it was posted, but with what is left of `times`."""
        shown = {"fault": self.kind}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name not in ("kind", "number") and (
                value != item.default or item.name == "times"
            ):
                shown[item.name] = value
        return shown


def read_faults(name: str, value: Any, *, feed: bool = False) -> list[Fault]:
    """Read a posted list of faults. `name` is the name of the field, for errors.

    Raises:
        InvalidWorldError: a kind is unknown, or a kind does not allow a field.
    """
    kinds = FEED_KINDS if feed else API_KINDS
    return [
        _read_fault(f"{name}[{index}]", item, kinds, _SELECTORS if feed else _API_SELECTORS)
        for index, item in enumerate(validation.sequence(name, value))
    ]


def _read_fault(
    name: str, value: Any, kinds: dict[str, frozenset[str]], selectors: dict[str, validation.Check]
) -> Fault:
    kind = validation.one_of(*kinds)(f"{name}.fault", validation.mapping(name, value).get("fault"))
    checks = (
        {"fault": validation.text}
        | selectors
        | {detail: _DETAILS[detail] for detail in sorted(kinds[kind])}
    )
    given = validation.record(name, value, checks)
    del given["fault"]
    given.setdefault("status", _DEFAULT_STATUS.get(kind, 503))
    return Fault(kind, **given)


@dataclass(slots=True)
class FaultScript:
    """The active faults, oldest first.

    A request is affected only by the first fault that matches it.
    """

    seed: int
    faults: list[Fault] = field(default_factory=list)
    _added: int = 0

    def change(self, faults: Iterable[Fault] | None) -> None:
        """Append faults. If `faults` is None, remove all.

        Each fault gets a number, so that equal faults draw different random numbers.
        """
        if faults is None:
            self.faults.clear()
        for fault in faults or ():
            self._added += 1
            fault.number = self._added
            self.faults.append(fault)

    def choose(
        self, n: int, whens: Collection[str], *, player: str = "", code: str = ""
    ) -> Fault | None:
        """Return the fault that affects request `n`, or None. This uses up one of its `times`."""
        for fault in self.faults:
            if fault.when in whens and fault.matches(n, player, code) and self._is_drawn(fault, n):
                self._count(fault)
                return fault
        return None

    def _is_drawn(self, fault: Fault, n: int) -> bool:
        return (
            fault.probability >= 1 or draw(self.seed, "fault", fault.number, n) < fault.probability
        )

    def _count(self, fault: Fault) -> None:
        if fault.times is not None:
            fault.times -= 1
            if not fault.times:
                self.faults.remove(fault)


def faulty_reply(fault: Fault, intended: Response, *, seed: int, n: int) -> Reply:
    """Return the reply that replaces `intended` for request `n`.

    The caller handles the kinds `delay` and `msg`: a delay is followed by the intended response,
    and a message varies like the game's own messages.

    Raises:
        ValueError: the kind has no reply.
    """
    match fault.kind:
        case "drop":
            return NoResponse()
        case "reset":
            return ConnectionReset()
        case "drip":
            return DripResponse(fault.seconds, fault.part)
        case "huge":
            return HugeResponse(fault.bytes)
        case "cut":
            return CutResponse(intended)
        case "truncated":
            return Response(intended.status, intended.body[: max(1, len(intended.body) // 2)])
        case "garbage":
            return Response(200, bytes(int(draw(seed, n, place) * 256) for place in range(64)))
        case "html":
            return with_headers(fault, html_response(200))
        case "status":
            return with_headers(fault, html_response(fault.status))
        case "429":
            return with_headers(fault, too_many_attempts(seed, n))
        case "redirect":
            return Response(fault.status, content_type=HTML, headers={"Location": fault.location})
        case "json":
            return with_headers(fault, json_response(fault.body, fault.status))
        case "empty":
            return json_response({"codes": []})
        case "detail":
            return json_response({"detail": "The service is restarting."})
        case "error":
            return json_response({"error": "Internal error."})
        case _:
            message = f"the fault {fault.kind!r} has no reply"
            raise ValueError(message)


def with_headers(fault: Fault, response: Response) -> Response:
    """Add the fault's headers to `response`, and return it."""
    response.headers |= fault.headers or {}
    return response


def too_many_attempts(seed: int, n: int) -> Response:
    """Return a 429 in one of the game's two forms: an empty page or JSON, without rate headers."""
    if draw(seed, n, "429") < 0.5:
        return Response(429, content_type=HTML)
    return json_response({"message": "Too Many Attempts."}, 429)


def forced_message(fault: Fault, *, seed: int, n: int, vary: bool) -> tuple[str, int | str]:
    """Return the message and err_code of a fault of kind `msg`.

    If the fault sets the err_code, the message is not varied.
    """
    if fault.err_code is not None:
        return fault.msg, fault.err_code
    return varied_message(seed, n, fault.msg, vary=vary)
