"""Forecast each run from the queue and the pace.

The functions are pure. docs/explanation/design.md, “Estimates”, describes the method.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, groupby
from typing import Any

from giftcodes.estimates.pace import TICK_WAIT_SECONDS, Pace


@dataclass(frozen=True, slots=True)
class Run:
    """The requests that a run, or a redemption that waits to be started, still needs.

    Args:
        id: the id of the redemption.
        rank: the code's deadline, then the guild's priority. A run with a smaller rank is served
            completely before a run with a larger one. Runs of equal rank take turns.
        requests: the number of waiting members who need a request from this run. No request is
            needed for a player who has or gets the code through another guild.
        later: the seconds until each waiting member who is not due yet becomes due.
        confirmations: the seconds until the next request for each unconfirmed member. 0 or less
            means now.
        in_flight: the number of requests under way.
        waits_for: the other redemptions that send requests for players who are also members here.
            Each entry is the id of such a redemption and the number of these players.
        is_stopping: whether the run is being stopped. Requests under way finish, and no more are
            sent.
        is_proven: whether the code is proven: a player certainly has it.
        hindrance: the reason, in words, why it is unknown when the requests will be sent. It is
            empty if nothing prevents the requests. Other runs do not wait for these requests.
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
    """The forecast for a run.

    Args:
        requests: the number of the run's requests that have not been sent yet.
        ahead_of_next: the number of requests of other runs before this run's next request.
        ahead_of_last: the number of requests of other runs before this run's last request.
        seconds: the seconds until the run is finished, or None if unknown.
        why_unknown: the reason why the seconds are unknown, in words.
        is_paused: whether the game is paused. If so, the seconds are right only if the game answers
            the next probe.
        is_stopping, is_proven: as in `Run`.
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
    """Forecast each run of a game.

    Args:
        pace: how fast the game takes requests.
        queue: the game's runs in the order of dispatch: by rank, then in the order of their turns.

    Returns:
        The outlook of each run, by the redemption's id.
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
    return _with_duplicates(queue, found)


def _hindered(run: Run, pace: Pace) -> Outlook:
    return Outlook(
        requests=run.requests + len(run.confirmations),
        why_unknown=run.hindrance,
        is_paused=pace.is_on_trial,
        is_stopping=run.is_stopping,
        is_proven=run.is_proven,
    )


def in_all(outlooks: Iterable[Outlook]) -> Outlook:
    """The forecast for several runs together."""
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


def last_turns(requests: Sequence[int]) -> list[int]:
    """The place of each run's last request among runs of equal rank, which take turns.

    In each round, every run that has requests left sends one.

    Args:
        requests: the number of requests of each run, in the order of their turns. Each may be 0.

    Returns:
        The place for each run, counted from 1, or 0 if the run has no request.
    """
    ascending = sorted(requests)
    sums = [0, *accumulate(ascending)]

    def sent_in(rounds: int) -> int:
        """The number of requests that all runs have sent after this many rounds."""
        exhausted = bisect_right(ascending, rounds)
        return sums[exhausted] + rounds * (len(ascending) - exhausted)

    places = [0] * len(requests)
    # The loop starts with the longest run. `taking_part` contains the runs that send a request in
    # the round in which the current run sends its last request.
    taking_part: list[int] = []
    for turn in sorted(range(len(requests)), key=lambda turn: (-requests[turn], turn)):
        if requests[turn] > 0:
            insort(taking_part, turn)
            places[turn] = sent_in(requests[turn] - 1) + bisect_right(taking_part, turn)
    return places


@dataclass(slots=True)
class _Line:
    """A walk through the queue. It counts the requests that are ahead of the current rank.

    Args:
        pace: how fast the queue moves.
        total: the number of requests in the whole queue.
        confirmed_first: the number of due requests for unconfirmed members. They go first.
        ahead: the number of due requests of better rank, plus `confirmed_first`.
        later: the seconds, sorted, until requests that are not due yet become due. These are the
            requests of better rank, and all requests for unconfirmed members.
    """

    pace: Pace
    total: int
    confirmed_first: int
    ahead: int
    later: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, pace: Pace, queue: Sequence[Run]) -> _Line:
        """Begin the walk at the first rank of the queue."""
        confirmations = sorted(seconds for run in queue for seconds in run.confirmations)
        due = bisect_right(confirmations, 0.0)
        total = len(confirmations) + sum(run.requests for run in queue)
        return cls(pace, total=total, confirmed_first=due, ahead=due, later=confirmations[due:])

    def pass_by(self, runs: Iterable[Run]) -> None:
        """Go past the runs of the current rank, to the next rank."""
        for run in runs:
            self.ahead += run.requests - len(run.later)
            for seconds in run.later:
                insort(self.later, seconds)

    def place(self, nth: int) -> int:
        """The place that the nth request of this rank has in the whole queue.

        Requests of better rank that become due before it go first.
        """
        nth += self.ahead
        if not self.later or self.pace.why_unknown:
            return nth
        fallen_due = 0
        while (
            more := bisect_left(self.later, self.pace.answered_in(nth + fallen_due))
        ) > fallen_due:
            fallen_due = more
        return nth + fallen_due

    def others(self, run: Run, place: int, *, own: int) -> int:
        """The number of requests up to this place that are not the run's own."""
        if not run.confirmations:
            return max(0, place - own)
        until = 0.0 if self.pace.why_unknown else self.pace.answered_in(place)
        confirmations = sum(seconds <= 0 or seconds < until for seconds in run.confirmations)
        return max(0, place - own - confirmations)

    def answered_from(self, seconds: float) -> float:
        """Seconds until the answer to a request that is not due yet.

        As soon as the request is due, it is sent before the requests that are waiting.

        Args:
            seconds: the seconds until the request is due.
        """
        ready = seconds + TICK_WAIT_SECONDS + self.pace.latency
        nth = 1 + bisect_left(range(1, self.total + 1), ready, key=self.pace.answered_in)
        return self.pace.answered_in(nth) if nth <= self.total else ready


def _outlook(run: Run, line: _Line, *, first: int, last: int) -> Outlook:
    """The outlook of one run.

    Args:
        run: the run.
        line: the walk through the queue, at the rank of the run.
        first, last: the places of the run's next and last requests among the requests of its rank.
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
    """Seconds until all requests of the run are answered."""
    pace = line.pace
    answers = [pace.latency if run.in_flight else 0.0]
    if run.requests:
        # The first request proves the code. The others wait until it is answered.
        proof = pace.latency if run.requests > 1 and not run.is_proven else 0.0
        answers.append(pace.answered_in(line.place(last)) + proof)
    if any(seconds <= 0 for seconds in run.confirmations):
        answers.append(pace.answered_in(line.confirmed_first))
    if (latest := max((*run.later, *run.confirmations), default=0.0)) > 0:
        answers.append(line.answered_from(latest))
    return max(answers)


def _with_duplicates(queue: Sequence[Run], found: dict[int, Outlook]) -> dict[int, Outlook]:
    """Add the wait for members whose requests are sent by other runs (duplicates).

    If another run sends n such requests, the last one is expected after n/(n+1) of that run's time.
    """
    waiting = {}
    for run in queue:
        outlook = found[run.id]
        if outlook.seconds is None or not run.waits_for:
            continue
        waits = [
            seconds * number / (number + 1)
            for other, number in run.waits_for
            if other in found and (seconds := found[other].seconds) is not None
        ]
        waiting[run.id] = replace(outlook, seconds=max([outlook.seconds, *waits]))
    return found | waiting
