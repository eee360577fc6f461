"""The times of the system under test: as in production, but proportionally shorter."""

from __future__ import annotations

import os

#: The limit for one request to the game. In production 15 s.
HTTP_SECONDS = 1.5
#: The lease of a claim. In production 30 s.
LEASE_SECONDS = 4.0
#: The interval of the sweep. In production 10 s.
SWEEP_SECONDS = 1.0
#: The intervals of beat's tasks. In production 1 s, 5 s, 10 s and 60 s.
BEAT_SECONDS = {"tick": 1.0, "poll": 2.0, "sweep": SWEEP_SECONDS, "catch_up": 3.0}
#: The wait from a request without an answer to its repeat. In production 60 s.
UNCONFIRMED_SECONDS = 5.0
#: In production 60 s; the longest pause is 600 s, and the margin 10 s.
SHORTENED = {
    "UNCONFIRMED_SECONDS": UNCONFIRMED_SECONDS,
    "DOUBT_SECONDS": 3.0,
    "PAUSE_SECONDS": 1.0,
    "LONGEST_PAUSE_SECONDS": 4.0,
    "LEASE_MARGIN_SECONDS": 2.0,
}

#: The game's limit: requests, and the length of a window in seconds.
RATE_REQUESTS, RATE_SECONDS = 40, 2.0
#: The time that the game takes for an answer, so that requests are in flight at a fault.
LATENCY_SECONDS = 0.3

#: The wait before a dead process is restarted, as the first one of the supervisor of `make up`.
RESTART_SECONDS = 0.5
#: The time from the start of a worker until it takes tasks, on a busy machine.
STARTUP_SECONDS = 8.0
#: Added to each limit for a busy machine; `SLACK` sets it.
SLACK_SECONDS = float(os.environ.get("SLACK", "10"))

#: The time in which all claims are recovered after the last fault: two leases, two sweeps, and the
#: wait before an unconfirmed request is repeated.
RECOVERY_SECONDS = 2 * LEASE_SECONDS + 2 * SWEEP_SECONDS + UNCONFIRMED_SECONDS


def run_seconds(members: int) -> float:
    """How long a run takes at the game's limit: a window and a margin for each 40 members."""
    return (members / RATE_REQUESTS + 1) * (RATE_SECONDS + 1.0)
