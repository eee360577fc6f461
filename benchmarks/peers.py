"""What other public programs for the same job need for the same work.

The figures were measured in autumn 2026 with the same simulated game, on two cores that other
programs used too. They are here for comparison only, and have no limits. To measure again, start
the program with the address of our simulator (`manage.py simulate_game`) in place of the game's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Peer(NamedTuple):
    """A figure of another program, in the unit of our own figure."""

    name: str
    figure: float


#: A Discord bot in Python, in the version of July 2026. It is one process.
BOT = "whiteout-project/bot"
#: A Discord bot in JavaScript for Node, measured at rest only.
NODE = "R-A-C-H-I-E"
NAMES = (BOT, NODE)

_PACE = "from the first request to the last answer"
#: The figures of other programs, by the name of our figure for the same work.
PEERS: Mapping[str, Sequence[Peer]] = {
    # The bot sent 163 requests for 100 members, of which the game refused 63.
    f"100 members, 30 in 60 s: {_PACE}": [Peer(BOT, 242.3)],
    "100 members, 30 in 60 s: refused (429)": [Peer(BOT, 63)],
    f"100 members, 30 in 6 s, 1 worker(s): {_PACE}": [Peer(BOT, 102.1)],
    # The bot took 103.6 s for 100 members if the game answered at once, and 110.9 s if it answered
    # after 50 ms.
    "No limit, 0 ms latency, 8 threads: redeemed": [Peer(BOT, round(100 / 103.6, 3))],
    "No limit, 50 ms latency, 8 threads: redeemed": [Peer(BOT, round(100 / 110.9, 3))],
    # Memory that processes share is divided among them (PSS), as in our figure.
    "Memory at rest, all processes": [Peer(BOT, 167), Peer(NODE, 66)],
    "Processor at rest, all processes, of one core": [Peer(BOT, 0.5), Peer(NODE, 0.0)],
}
