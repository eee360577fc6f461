"""From the queue and the pace to an outlook for each run. Pure; docs/explanation/design.md, “Estimates”."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from giftcodes.estimates.pace import TICK_WAIT_SECONDS, Pace
from giftcodes.estimates.turns import last_turns


@dataclass(frozen=True, slots=True)
class Run:
    """What a run, or a redemption that waits to be started, still asks of the game.

    Args:
        id: the redemption's.
        rank: smaller goes first, and altogether: the end of the code, then the guild's priority. Equal ones take turns.
        requests: members who wait to be asked for, without those whose twin is asked for.
        later: for those among them whose time has not come, the seconds until it comes.
        confirmations: for each unconfirmed member the seconds until it is asked for again; 0 or less: now.
        in_flight: requests under way.
        waits_for: redemptions that ask for the twins of members, and for how many.
        is_stopping: nobody is asked for any more but those under way.
        is_proven: somebody got the code, and nobody doubts it.
        hindrance: why there is no telling when its requests are sent, in words. Others do not wait for them.
    """

    id: int
    rank: Any = 0
    requests: int = 0
    later: tuple[float, ...] = ()
    confirmations: tuple[float, ...] = ()
    in_flight: int = 0
    waits_for: tuple[tuple[int, int], ...] = ()
    is_stopping: bool = False
    is_proven: bool = True
    hindrance: str = ""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is to be expected of a run.

    Args:
        requests: its own that are still to be sent.
        ahead_of_next: requests of others that come before its next one.
        ahead_of_last: requests of others that come before its last one, and so before it is finished.
        seconds: until it is finished; None: there is no telling.
        why_unknown: why there is no telling, in words.
        is_paused: the game is paused, and the seconds hold if it answers when it is probed.
        is_stopping, is_proven: as of the run.
    """

    requests: int = 0
    ahead_of_next: int = 0
    ahead_of_last: int = 0
    seconds: float | None = None
    why_unknown: str = ""
    is_paused: bool = False
    is_stopping: bool = False
    is_proven: bool = True


def forecast(pace: Pace, queue: Sequence[Run]) -> dict[int, Outlook]:
    """What is to be expected of each run.

    Args:
        pace: how fast the game takes requests.
        queue: the runs of this game in the order of dispatch: by rank, and among equals by whose turn is next.

    Returns:
        An outlook for each, by the redemption's id.
    """
    queue = [replace(run, requests=0, later=()) if run.is_stopping else run for run in queue]
    found = {run.id: _hindered(run, pace) for run in queue if run.hindrance}
    queue = [run for run in queue if not run.hindrance]
    line = _Line.of(pace, queue)
    for _rank, group in groupby(queue, key=lambda run: run.rank):
        runs = list(group)
        turn = 0
        for run, last in zip(runs, last_turns([run.requests for run in runs]), strict=True):
            turn += run.requests > 0
            found[run.id] = _outlook(run, line, first=turn, last=last)
        line.pass_by(runs)
    return _with_twins(queue, found)


def _hindered(run: Run, pace: Pace) -> Outlook:
    return Outlook(
        requests=run.requests + len(run.confirmations),
        why_unknown=run.hindrance,
        is_paused=pace.is_on_trial,
        is_stopping=run.is_stopping,
        is_proven=run.is_proven,
    )


def in_all(outlooks: Iterable[Outlook]) -> Outlook:
    """What is to be expected of all runs of a game together."""
    several = list(outlooks)
    why_unknown = next((outlook.why_unknown for outlook in several if outlook.why_unknown), "")
    return Outlook(
        requests=sum(outlook.requests for outlook in several),
        seconds=None
        if why_unknown
        else max((outlook.seconds or 0.0 for outlook in several), default=0.0),
        why_unknown=why_unknown,
        is_paused=any(outlook.is_paused for outlook in several),
        is_proven=all(outlook.is_proven for outlook in several),
    )


@dataclass(slots=True)
class _Line:
    """The queue as far as it was gone through: what is ahead of the run at hand.

    Args:
        pace: how fast it moves.
        total: requests in the whole queue.
        confirmed_first: unconfirmed members whose time has come, of any run: they go first.
        ahead: requests of better rank whose time has come, and the former.
        later: seconds until those of better rank come whose time has not come, soonest first.
    """

    pace: Pace
    total: int
    confirmed_first: int
    ahead: int
    later: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, pace: Pace, queue: Sequence[Run]) -> _Line:
        """Before the first run."""
        confirmations = sorted(seconds for run in queue for seconds in run.confirmations)
        due = bisect_right(confirmations, 0.0)
        total = len(confirmations) + sum(run.requests for run in queue)
        return cls(pace, total=total, confirmed_first=due, ahead=due, later=confirmations[due:])

    def pass_by(self, runs: Iterable[Run]) -> None:
        """Go on to the next rank."""
        for run in runs:
            self.ahead += run.requests - len(run.later)
            for seconds in run.later:
                insort(self.later, seconds)

    def place(self, nth: int) -> int:
        """The place in the whole queue of the nth of this rank: those of better rank who come meanwhile go first."""
        nth += self.ahead
        if not self.later or self.pace.why_unknown:
            return nth
        come = 0
        while (more := bisect_left(self.later, self.pace.answered_in(nth + come))) > come:
            come = more
        return nth + come

    def others(self, run: Run, place: int, *, own: int) -> int:
        """Of all up to this place, the requests that are not the run's own."""
        if not run.confirmations:
            return max(0, place - own)
        until = 0.0 if self.pace.why_unknown else self.pace.answered_in(place)
        confirmations = sum(seconds <= 0 or seconds < until for seconds in run.confirmations)
        return max(0, place - own - confirmations)

    def answered_from(self, seconds: float) -> float:
        """Seconds until the answer to a request whose time comes in so many seconds, and which then goes first."""
        ready = seconds + TICK_WAIT_SECONDS + self.pace.latency
        nth = 1 + bisect_left(range(1, self.total + 1), ready, key=self.pace.answered_in)
        return self.pace.answered_in(nth) if nth <= self.total else ready


def _outlook(run: Run, line: _Line, *, first: int, last: int) -> Outlook:
    """Args:
    first, last: the places of the run's next and last request among those of its rank.
    """
    requests = run.requests + len(run.confirmations)
    is_unknown = bool(line.pace.why_unknown and (requests or line.pace.hindrance))
    return Outlook(
        requests=requests,
        ahead_of_next=line.others(run, line.place(first), own=1) if run.requests else 0,
        ahead_of_last=line.others(run, line.place(last), own=run.requests) if run.requests else 0,
        seconds=None if is_unknown else _seconds(run, line, last=last),
        why_unknown=line.pace.why_unknown if is_unknown else "",
        is_paused=line.pace.is_on_trial,
        is_stopping=run.is_stopping,
        is_proven=run.is_proven,
    )


def _seconds(run: Run, line: _Line, *, last: int) -> float:
    """Until the answer to the last of its requests, whichever that is."""
    pace = line.pace
    answers = [pace.latency if run.in_flight else 0.0]
    if run.requests:
        # The first one proves the code, and nobody else is asked for with it meanwhile.
        proof = pace.latency if run.requests > 1 and not run.is_proven else 0.0
        answers.append(pace.answered_in(line.place(last)) + proof)
    if any(seconds <= 0 for seconds in run.confirmations):
        answers.append(pace.answered_in(line.confirmed_first))
    if (latest := max((*run.later, *run.confirmations), default=0.0)) > 0:
        answers.append(line.answered_from(latest))
    return max(answers)


def _with_twins(queue: Sequence[Run], found: dict[int, Outlook]) -> dict[int, Outlook]:
    """A member whose twin is asked for waits for that one's turn in another run: the last of n is expected n/(n+1) of
    the way through it."""
    waiting = {}
    for run in queue:
        outlook = found[run.id]
        if outlook.seconds is None or not run.waits_for:
            continue
        twins = [
            seconds * number / (number + 1)
            for other, number in run.waits_for
            if other in found and (seconds := found[other].seconds) is not None
        ]
        waiting[run.id] = replace(outlook, seconds=max([outlook.seconds, *twins]))
    return found | waiting
