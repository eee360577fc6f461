"""The times of the system under test. Most of them are shorter than in production."""

from __future__ import annotations

import os

#: The time limit for one request to the game. In production it is 15 s.
HTTP_SECONDS = 1.5
#: The length of a claim's lease. In production it is 30 s.
LEASE_SECONDS = 4.0
#: The interval of the sweep. In production it is 10 s.
SWEEP_SECONDS = 1.0
#: The intervals of Celery beat's tasks. In production they are 0.25 s, 5 s, 10 s and 60 s.
BEAT_SECONDS = {"tick": 1.0, "poll": 2.0, "sweep": SWEEP_SECONDS, "catch_up": 3.0}
#: The wait before a request without an answer is repeated. In production it is 60 s.
UNCONFIRMED_SECONDS = 5.0
#: The times that REDEEMER_FAULT_TIMES shortens. In production the longest pause is 600 s, the lease
#: margin is 10 s, and the others are 60 s.
SHORTENED = {
    "UNCONFIRMED_SECONDS": UNCONFIRMED_SECONDS,
    "DOUBT_SECONDS": 3.0,
    "PAUSE_SECONDS": 1.0,
    "LONGEST_PAUSE_SECONDS": 4.0,
    "LEASE_MARGIN_SECONDS": 2.0,
}

#: The game's rate limit: the number of requests in a window, and its length in seconds.
RATE_REQUESTS, RATE_SECONDS = 40, 2.0
#: The time that the game takes to answer. It is long enough that requests are in flight when a
#: fault begins.
LATENCY_SECONDS = 0.3

#: The wait before a dead process is restarted. It is the first delay of `make up`'s supervisor.
RESTART_SECONDS = 0.5
#: The time from the start of a worker until it takes tasks, on a busy computer.
STARTUP_SECONDS = 8.0
#: The time that is added to each limit, in case the computer is busy. `SLACK` sets it.
SLACK_SECONDS = float(os.environ.get("SLACK", "10"))

#: The time in which all claims are recovered after the last fault. It is the sum of two leases, two
#: sweeps, and the wait before an unconfirmed request is repeated.
RECOVERY_SECONDS = 2 * LEASE_SECONDS + 2 * SWEEP_SECONDS + UNCONFIRMED_SECONDS


def run_seconds(members: int) -> float:
    """Return how long a run takes at the game's limit.

    Every 40 members take one window and a margin of one second. One extra window with its margin is
    added.
    """
    return (members / RATE_REQUESTS + 1) * (RATE_SECONDS + 1.0)
