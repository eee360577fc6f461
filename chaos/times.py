"""The times of the system under test: shorter than in production, in the same proportions, so that rounds are quick."""

from __future__ import annotations

import os

#: One call of the game. In production 15 s.
HTTP_SECONDS = 1.5
#: A claim. In production 30 s.
LEASE_SECONDS = 4.0
#: In production 10 s.
SWEEP_SECONDS = 1.0
#: What beat rings, and how often. In production each second, 5 s, 10 s and 60 s.
BEAT_SECONDS = {"tick": 1.0, "poll": 2.0, "sweep": SWEEP_SECONDS, "catch_up": 3.0}
#: From a request without an answer to its repeat. In production 60 s.
UNCONFIRMED_SECONDS = 5.0
#: In production 60 s, and 600 s for the longest pause, and 10 s for the margin.
SHORTENED = {
    "UNCONFIRMED_SECONDS": UNCONFIRMED_SECONDS,
    "DOUBT_SECONDS": 3.0,
    "PAUSE_SECONDS": 1.0,
    "LONGEST_PAUSE_SECONDS": 4.0,
    "LEASE_MARGIN_SECONDS": 2.0,
}

#: The game's limit: requests, and the seconds of a window.
RATE_REQUESTS, RATE_SECONDS = 40, 2.0
#: The game's own time for an answer, so that there are requests under way when something happens.
LATENCY_SECONDS = 0.3

#: A process that died is started again after so long (the supervisor of `make up` begins with as much).
RESTART_SECONDS = 0.5
#: From the start of a worker until it works, on a busy machine.
STARTUP_SECONDS = 8.0
#: What a busy machine adds to any bound.
SLACK_SECONDS = float(os.environ.get("SLACK", "10"))

#: Until nothing is left behind by the last fault: two leases and two sweeps, and the wait for what is unconfirmed.
RECOVERY_SECONDS = 2 * LEASE_SECONDS + 2 * SWEEP_SECONDS + UNCONFIRMED_SECONDS


def run_seconds(members: int) -> float:
    """How long the game's limit makes a run of so many members last: a window and a little for each forty of them."""
    return (members / RATE_REQUESTS + 1) * (RATE_SECONDS + 1.0)
