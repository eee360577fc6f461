"""Whose request comes when, where runs of equal rank take turns. Pure."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from itertools import accumulate


def last_turns(requests: Sequence[int]) -> list[int]:
    """The place of each run's last request where each run sends one in turn until it has none left.

    Args:
        requests: how many each run has, in the order of their turns; 0 takes no part.

    Returns:
        For each run the place from 1; 0 where it has no request.
    """
    ascending = sorted(requests)
    sums = [0, *accumulate(ascending)]

    def sent_in(rounds: int) -> int:
        """Requests of all runs in so many rounds."""
        exhausted = bisect_right(ascending, rounds)
        return sums[exhausted] + rounds * (len(ascending) - exhausted)

    places = [0] * len(requests)
    # Longest first: whoever is in this list still takes part in the round of a run's last request.
    still_there: list[int] = []
    for turn in sorted(range(len(requests)), key=lambda turn: (-requests[turn], turn)):
        if requests[turn] > 0:
            insort(still_there, turn)
            places[turn] = sent_in(requests[turn] - 1) + bisect_right(still_there, turn)
    return places
