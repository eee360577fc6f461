"""Watch a run until it is over: a bar on a terminal, now and then a line elsewhere. Watching changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from giftcodes.cli.terminal import Screen
from giftcodes.domain.transitions import OPEN, SETTLED, State
from giftcodes.estimates import formatting as words
from giftcodes.estimates.queue_snapshot import read
from giftcodes.models import RateBudget, Redemption, RunState, database_now
from giftcodes.models.member_redemption import STATE_LABELS
from giftcodes.queries.heartbeat import is_beating, pulse_age_seconds

LOOK_SECONDS = 1.0
LINE_SECONDS = 5.0
LINE_PERCENT = 10


@dataclass(frozen=True, slots=True)
class Progressed:
    """How far a run is."""

    tally: dict[State, int]
    is_running: bool

    @classmethod
    def of(cls, redemption_id: int) -> Self:
        """Look it up: whether it runs first, so that the numbers of a run that is over are its last."""
        redemption = Redemption.objects.get(pk=redemption_id)
        return cls(is_running=redemption.state == RunState.RUNNING, tally=redemption.tally())

    @property
    def total(self) -> int:
        return sum(self.tally.values())

    @property
    def done(self) -> int:
        """Whoever is not to be asked any more."""
        return sum(number for state, number in self.tally.items() if state not in OPEN)

    @property
    def settled(self) -> int:
        """Whoever has the code."""
        return sum(number for state, number in self.tally.items() if state in SETTLED)

    @property
    def words(self) -> str:
        """The states with somebody in them, such as `40 redeemed, 2 needs correction`."""
        return ", ".join(
            f"{self.tally[state]} {STATE_LABELS[state]}" for state in State if self.tally.get(state)
        )


def watch(
    redemption: Redemption,
    screen: Screen,
    warn: Callable[[str], None],
    *,
    pause: Callable[[float], None],
) -> Progressed:
    """Show a run's progress until it is over.

    Args:
        redemption: the run.
        screen: where the progress is shown.
        warn: takes what keeps the run from going on, each thing once.
        pause: waits for so many seconds.

    Returns:
        How far it was at the end.
    """
    provider = redemption.guild.provider
    told = left = ""
    looked_at = -LINE_SECONDS
    with _Bar(screen) if screen.is_terminal else _Lines(screen) as display:
        while True:
            progressed = Progressed.of(redemption.pk)
            if time.monotonic() - looked_at >= LINE_SECONDS:
                left, looked_at = what_is_left(redemption.pk), time.monotonic()
            display.show(progressed, left)
            if not progressed.is_running:
                return progressed
            hindrance = what_hinders(provider)
            if hindrance and hindrance != told:
                warn(hindrance)
            told = hindrance
            pause(LOOK_SECONDS)


def what_is_left(redemption_id: int) -> str:
    """How long a run still takes, in words; empty where there is no telling."""
    outlook = read().by_redemption.get(redemption_id)
    return "" if outlook is None or outlook.seconds is None else f"left: {words.left(outlook)}"


def what_hinders(provider: str) -> str:
    """Why a run of this game does not go on just now, in words; empty: nothing does."""
    now = database_now()
    age = pulse_age_seconds(now)
    if not is_beating(age):
        last = "" if age is None else ", or it was stopped"
        return f"No worker is running{last}: start `make up`. The run goes on by itself then; still waiting."
    budget = RateBudget.objects.filter(pk=provider).first()
    if budget is not None and budget.is_paused(now):
        until = (
            "until somebody resumes it in the admin"
            if budget.paused_until is None
            else "and is probed by itself"
        )
        return f"{provider} is paused {until}: {budget.pause_reason} Still waiting."
    return ""


class _Bar:
    """A bar that is drawn anew in its place."""

    def __init__(self, screen: Screen) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", markup=False),
            console=screen.console(),
        )
        self._task: TaskID = self._progress.add_task("Redeeming", total=None, left="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._progress.stop()

    def show(self, progressed: Progressed, left: str) -> None:
        self._progress.update(
            self._task,
            total=progressed.total,
            completed=progressed.done,
            description=progressed.words or "Redeeming",
            left=left if progressed.is_running else "",
        )


@dataclass(slots=True)
class _Lines:
    """A line for each tenth of the way, or after some seconds in which something has changed."""

    screen: Screen
    _shown: Progressed | None = field(default=None)
    _shown_at: float = field(default=0.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        pass

    def show(self, progressed: Progressed, left: str) -> None:
        if not self._is_due(progressed):
            return
        self._shown, self._shown_at = progressed, time.monotonic()
        more = f"; {left}" if left and progressed.is_running else ""
        self.screen.line(
            f"{progressed.done} of {progressed.total}: {progressed.words or 'nobody to ask'}{more}"
        )

    def _is_due(self, progressed: Progressed) -> bool:
        if self._shown is None:
            return True
        if progressed == self._shown:
            return False
        is_further = _tenths(progressed) > _tenths(self._shown)
        is_late = time.monotonic() - self._shown_at >= LINE_SECONDS
        return is_further or is_late or not progressed.is_running


def _tenths(progressed: Progressed) -> int:
    return 100 * progressed.done // (LINE_PERCENT * max(progressed.total, 1))
