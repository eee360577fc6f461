"""Scripted faults: which request is spoiled, when, how often. How is the business of `spoiling.py`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from simulator import reading
from simulator.variation import draw

#: The request is lost on the way: the game counts it in no window and does nothing.
UNSEEN = "unseen"
#: The game has counted it in its window, and does nothing.
BEFORE = "before"
#: The game has done its work, a grant included; then the answer is spoiled.
AFTER = "after"

#: Every kind, with the fields that have a meaning for it.
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
    "nth": reading.whole(1),
    "times": reading.or_null(reading.whole(1)),
    "probability": reading.number(0, 1),
}
_API_SELECTORS = _SELECTORS | {
    "when": reading.one_of(UNSEEN, BEFORE, AFTER),
    "code": reading.text,
    "player": reading.text,
}
_DETAILS: dict[str, reading.Check] = {
    "seconds": reading.number(0),
    "status": reading.whole(100),
    "headers": reading.texts,
    "body": reading.anything,
    "bytes": reading.whole(0),
    "part": reading.one_of("body", "head"),
    "location": reading.text,
    "msg": reading.text,
    "err_code": reading.anything,
}


@dataclass(slots=True)
class Fault:
    """One scripted fault. `times` is how often it can still happen; None is for ever."""

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

    def fits(self, n: int, player: str, code: str) -> bool:
        """Whether request `n` is one of those it is meant for."""
        return (
            (self.nth is None or self.nth == n)
            and (self.player is None or self.player == player)
            and (self.code is None or self.code == code)
        )

    def as_json(self) -> dict[str, Any]:
        """As it was posted, with what is left of `times`."""
        shown = {"fault": self.kind}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name not in ("kind", "number") and (
                value != item.default or item.name == "times"
            ):
                shown[item.name] = value
        return shown


def read_faults(name: str, value: Any, *, feed: bool = False) -> list[Fault]:
    """Read a list of faults as they are posted.

    Raises:
        BadWorldError: a kind is not known, or a field has no meaning for its kind.
    """
    kinds = FEED_KINDS if feed else API_KINDS
    return [
        _read_fault(f"{name}[{index}]", item, kinds, _SELECTORS if feed else _API_SELECTORS)
        for index, item in enumerate(reading.sequence(name, value))
    ]


def _read_fault(
    name: str, value: Any, kinds: dict[str, frozenset[str]], selectors: dict[str, reading.Check]
) -> Fault:
    kind = reading.one_of(*kinds)(f"{name}.fault", reading.mapping(name, value).get("fault"))
    checks = (
        {"fault": reading.text}
        | selectors
        | {detail: _DETAILS[detail] for detail in sorted(kinds[kind])}
    )
    given = reading.record(name, value, checks)
    del given["fault"]
    given.setdefault("status", _DEFAULT_STATUS.get(kind, 503))
    return Fault(kind, **given)


@dataclass(slots=True)
class Script:
    """The faults in force, oldest first: the first that fits a request spoils it, and only that one."""

    seed: int
    faults: list[Fault] = field(default_factory=list)
    _added: int = 0

    def add(self, faults: Iterable[Fault]) -> None:
        """Put these behind the others. Each gets a number, so that equal faults draw their chances apart."""
        for fault in faults:
            self._added += 1
            fault.number = self._added
            self.faults.append(fault)

    def choose(
        self, n: int, whens: Collection[str], *, player: str = "", code: str = ""
    ) -> Fault | None:
        """The fault for request `n`, counted as having happened; None for an honest answer."""
        for fault in self.faults:
            if fault.when in whens and fault.fits(n, player, code) and self._strikes(fault, n):
                self._count(fault)
                return fault
        return None

    def _strikes(self, fault: Fault, n: int) -> bool:
        return (
            fault.probability >= 1 or draw(self.seed, "fault", fault.number, n) < fault.probability
        )

    def _count(self, fault: Fault) -> None:
        if fault.times is not None:
            fault.times -= 1
            if not fault.times:
                self.faults.remove(fault)
