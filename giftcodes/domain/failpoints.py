"""Points at which a process ends, or stops itself, on purpose: for `make chaos` and nobody else.

Inert unless the environment (never `.env`) says `REDEEMER_FAULTS=1`. Then:

    REDEEMER_FAULT=before-send:kill:0.02     at each passing of that point with this chance
    REDEEMER_FAULT=before-record:stop:#5     at the fifth passing
    REDEEMER_FAULT_TIMES=UNCONFIRMED_SECONDS=5,PAUSE_SECONDS=4     waits that are too long for a test

A process with the switch on says so at start, and one with the others but not the switch does not start
(`giftcodes.checks`). docs/reference/faults-and-guards.md lists the points.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
from dataclasses import dataclass, field

SWITCH, FAULT, TIMES = "REDEEMER_FAULTS", "REDEEMER_FAULT", "REDEEMER_FAULT_TIMES"

#: Every point, in the order of a member's way through the flow.
POINTS = frozenset(
    {
        "before-publish",  # claimed and committed; the message is not published
        "after-intent",  # the Attempt is committed; the own deadline is not looked at yet
        "before-send",  # everything is judged; not a byte has left
        "after-send",  # the whole request has left
        "before-record",  # the answer is in hand
        "before-commit",  # the answer is written, and not committed
        "after-record",  # the answer is committed; what follows from it is not rung
    }
)
_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


@dataclass(slots=True)
class _Plan:
    point: str
    action: str
    chance: float = 1.0
    passing: int = 0
    _passings: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def is_due(self) -> bool:
        if self.passing:
            return next(self._passings) == self.passing
        return random.random() < self.chance  # noqa: S311


def is_on() -> bool:
    """Whether faults are switched on for this process."""
    return os.environ.get(SWITCH) == "1"


def is_half_set() -> bool:
    """Somebody set a fault without the switch: a mistake that must not pass unnoticed."""
    return not is_on() and bool(os.environ.get(FAULT) or os.environ.get(TIMES))


def hit(point: str) -> None:
    """Pass a point. Nearly always nothing happens."""
    if _PLAN is not None and point == _PLAN.point and _PLAN.is_due():
        os.write(2, f"FAULT: {_PLAN.action} at {point}\n".encode())
        os.kill(os.getpid(), _SIGNALS[_PLAN.action])


def seconds(name: str, real: float) -> float:
    """A time: the real one, unless faults are on and shorten it."""
    return _TIMES.get(name, real)


def _read_plan(text: str) -> _Plan | None:
    if not is_on() or not text:
        return None
    point, action, chance = [*text.split(":"), "1", "1"][:3]
    if point not in POINTS or action not in _SIGNALS:
        msg = f"{FAULT}={text}: a point of {sorted(POINTS)} and an action of {sorted(_SIGNALS)}."
        raise ValueError(msg)
    if chance.startswith("#"):
        return _Plan(point, action, passing=int(chance[1:]))
    return _Plan(point, action, chance=float(chance))


def _read_times(text: str) -> dict[str, float]:
    pairs = (item.partition("=") for item in text.split(",") if item)
    return {name: float(value) for name, _, value in pairs} if is_on() else {}


_PLAN = _read_plan(os.environ.get(FAULT, ""))
_TIMES = _read_times(os.environ.get(TIMES, ""))
