"""Failpoints: places where a process kills or stops itself on purpose, for `make chaos` only.

They do nothing unless the switch `REDEEMER_FAULTS=1` is in the environment. Never put it into
`.env`. With the switch:

    REDEEMER_FAULT=before-send:kill:0.02     kill at each hit of the failpoint with this probability
    REDEEMER_FAULT=before-record:stop:#5     stop at the fifth hit
    REDEEMER_FAULT_TIMES=UNCONFIRMED_SECONDS=5,PAUSE_SECONDS=4     shorten waits for a test

If the switch is on, a process logs a warning when it starts. If the other variables are set without
the switch, a process does not start (`giftcodes.checks`). docs/reference/faults-and-guards.md lists
the failpoints.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import threading
from dataclasses import dataclass, field

SWITCH, FAILPOINT, TIMES = "REDEEMER_FAULTS", "REDEEMER_FAULT", "REDEEMER_FAULT_TIMES"

#: Every failpoint, in the order in which a member redemption passes them.
NAMES = frozenset(
    {
        "before-publish",  # the claim is committed; the message is not published
        "after-intent",  # the Attempt is committed; the rest of the lease is not checked yet
        "before-send",  # everything is checked; nothing is sent yet
        "after-send",  # the whole request is sent
        "before-record",  # the answer has been read
        "before-commit",  # the answer is written, but not committed
        "after-record",  # the answer is committed; no follow-up task is enqueued yet
    }
)
_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


@dataclass(slots=True)
class _Failpoint:
    name: str
    action: str
    probability: float = 1.0
    at_hit: int = 0
    _hits: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def is_due(self) -> bool:
        if self.at_hit:
            return next(self._hits) == self.at_hit
        return random.random() < self.probability  # noqa: S311


def is_on() -> bool:
    """Return whether failpoints are switched on for this process."""
    return os.environ.get(SWITCH) == "1"


def is_set_without_switch() -> bool:
    """Return whether a failpoint or a wait is set without the switch, which is a mistake."""
    return not is_on() and bool(os.environ.get(FAILPOINT) or os.environ.get(TIMES))


def hit(name: str) -> None:
    """Kill or stop this process if the failpoint with this name is set and due."""
    if _FAILPOINT is not None and name == _FAILPOINT.name and _FAILPOINT.is_due():
        os.write(2, f"FAILPOINT: {_FAILPOINT.action} at {name}\n".encode())
        # The signal goes to this thread. If another thread took it, this one could run on for a
        # moment, past the place in the code that a scenario tests.
        signal.pthread_kill(threading.get_ident(), _SIGNALS[_FAILPOINT.action])


def seconds(name: str, real: float) -> float:
    """Return the seconds of the wait `name`: `real`, unless failpoints are on and shorten it."""
    return _TIMES.get(name, real)


def _read_failpoint(text: str) -> _Failpoint | None:
    if not is_on() or not text:
        return None
    name, action, when = [*text.split(":"), "1", "1"][:3]
    if name not in NAMES or action not in _SIGNALS:
        msg = (
            f"{FAILPOINT}={text}: the name must be one of {sorted(NAMES)}, and the action one of "
            f"{sorted(_SIGNALS)}."
        )
        raise ValueError(msg)
    if when.startswith("#"):
        return _Failpoint(name, action, at_hit=int(when[1:]))
    return _Failpoint(name, action, probability=float(when))


def _read_times(text: str) -> dict[str, float]:
    pairs = (item.partition("=") for item in text.split(",") if item)
    return {name: float(value) for name, _, value in pairs} if is_on() else {}


_FAILPOINT = _read_failpoint(os.environ.get(FAILPOINT, ""))
_TIMES = _read_times(os.environ.get(TIMES, ""))
