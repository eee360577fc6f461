"""What a scenario plays on: guilds, codes, a random number generator, and the means to do harm."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import psycopg

from chaos import times
from chaos.game import line
from chaos.system import System, TimeUpError

_numbers = count(1)


@dataclass(slots=True)
class Stage:
    """One round of a scenario. The scenario begins runs and does harm; the runner waits for the end and judges.

    Args:
        system: everything that runs.
        random: decides what happens when; the same for the same seed.
        players: all players of the guilds, each once.
        guilds: guild ids by name.
        members: rows that each code gets.
    """

    system: System
    random: random.Random
    players: list[str]
    guilds: dict[str, int]
    members: int
    since: int = 0
    codes: list[str] = field(default_factory=list)
    faults: int = 0
    last_fault_at: float = 0.0
    #: Attempts that were under way when something happened: these may stay without an answer.
    under_way: set[int] = field(default_factory=set)
    #: What the scenario itself found wrong.
    complaints: list[str] = field(default_factory=list)
    #: Words for the verdict's line.
    notes: list[str] = field(default_factory=list)
    #: Players who need not have the code in the end (each row still needs its reason).
    excused: set[str] = field(default_factory=set)
    #: Scripted 429s, or another cause outside of our pace.
    may_be_throttled: bool = False
    #: Added to the time that recovery may take: until whoever was cut off has noticed, and is back.
    extra_seconds: float = 0.0
    #: Added to the time until all is settled: a game that is paused and probed.
    game_seconds: float = 0.0
    #: How often the game has issued each code: so often everybody gets it.
    issues: int = 1
    #: Until so many seconds after the last fault, claims were seen whose lease was over.
    left_behind_seconds: float = 0.0
    _sample_is_due: bool = False

    # --- Work ---------------------------------------------------------------------------------------------------------
    def begin(self, *, feed: bool = True) -> str:
        """Make a new code that works; the feed lists it, and is due at once. Returns the code."""
        code = f"Chaos{next(_numbers):04d}{self.random.choice('ABCDEFGH')}"
        self.codes.append(code)
        self.system.game.change(codes={code: {}})
        if feed:
            self.publish(code)
        return code

    def publish(self, code: str) -> None:
        """Put a code into the feed, which is due at once."""
        self.system.game.change(feed=[line(code)])
        self.try_to(self.system.books.poll_now)

    def wait_for_share(self, share: float) -> None:
        """Wait until so much of this round's work is done."""
        goal = share * self.members * len(self.codes)

        def is_done() -> bool:
            progress = self.system.books.progress(self.codes)
            return bool(progress["rows"]) and progress["settled"] >= goal

        self.system.wait(is_done, f"{goal:.0f} settled rows", seconds=self.patience_seconds)

    def wait_for_random_moment(self, until: float = 0.9) -> None:
        """Wait until a random share of the work is done; then mostly for a request under way, and a moment longer."""
        self.wait_for_share(self.random.uniform(0, until))
        if self.random.random() < 0.8:
            self.wait_for_request()
        self.system.pause(self.random.uniform(0, 0.3))

    def wait_for_request(self) -> None:
        """Wait until a request is under way, or everything is done already."""
        self.system.wait(
            lambda: bool(self.system.books.unanswered() - self.under_way) or self.is_settled(),
            "a request under way",
            seconds=self.patience_seconds,
        )

    # --- Harm ---------------------------------------------------------------------------------------------------------
    def note_fault(self) -> None:
        """Something has happened now. What is under way may be lost."""
        self.faults += 1
        self.last_fault_at = time.monotonic()
        self.left_behind_seconds = 0.0
        self._sample_is_due = True
        self.sample()

    def sample(self) -> None:
        """Note what is under way, once the database answers."""
        if self._sample_is_due and self.try_to(
            lambda: self.under_way.update(self.system.books.unanswered())
        ):
            self._sample_is_due = False

    def kill(self, name: str) -> None:
        """SIGKILL; the supervisor starts it again."""
        self.system.processes[name].kill()
        self.system.look()

    def send(self, name: str, number: signal.Signals) -> None:
        self.system.processes[name].send(number)

    def try_to(self, action: Callable[[], object]) -> bool:
        """Ask the database something that it may not be able to answer now."""
        try:
            action()
        except psycopg.OperationalError:
            return False
        return True

    # --- The end ------------------------------------------------------------------------------------------------------
    @property
    def patience_seconds(self) -> float:
        """How long everything may take from the last fault, or from the beginning, until it is settled."""
        work = times.run_seconds(self.members * max(1, len(self.codes)))
        return (
            work
            + times.RECOVERY_SECONDS
            + times.STARTUP_SECONDS
            + times.SLACK_SECONDS
            + self.extra_seconds
            + self.game_seconds
        )

    @property
    def expected_rows(self) -> int:
        return self.members * len(self.codes) * self.issues

    @property
    def recovery_seconds(self) -> float:
        """Until when after the last fault all claims of those who are gone must have been taken from them."""
        return (
            2 * times.LEASE_SECONDS
            + 2 * times.SWEEP_SECONDS
            + times.STARTUP_SECONDS
            + times.SLACK_SECONDS
            + self.extra_seconds
        )

    def is_settled(self) -> bool:
        """Whether no row is open and no run goes on, for every code of this round."""
        self.sample()
        progress = self.system.books.progress(self.codes)
        if progress["left_behind"]:
            self.left_behind_seconds = time.monotonic() - self.last_fault_at
        return progress["rows"] >= self.expected_rows and not (
            progress["open"] or progress["unfinished"]
        )

    def settle(self) -> float:
        """Wait until everything is settled. Returns the seconds since the last fault.

        Raises:
            TimeUpError: it is not in time. The message says what is left.
        """
        begun = self.last_fault_at or time.monotonic()
        try:
            left = self.patience_seconds - (time.monotonic() - begun)
            self.system.wait(self.is_settled, "everything to settle", seconds=max(5.0, left))
        except TimeUpError as error:
            message = (
                f"not recovered {self.patience_seconds:.0f} s after the last fault: {self._rest()}"
            )
            raise TimeUpError(message) from error
        return time.monotonic() - begun

    def _rest(self) -> str:
        rows = self.system.books.ask(
            "SELECT m.state, count(*) AS n FROM giftcodes_memberredemption m "
            "JOIN giftcodes_giftcode c ON c.id = m.gift_code_id WHERE c.code = ANY(%s) GROUP BY 1 ORDER BY 1",
            self.codes,
        )
        runs = self.system.books.ask(
            "SELECT r.state, count(*) AS n FROM giftcodes_redemption r "
            "JOIN giftcodes_giftcode c ON c.id = r.gift_code_id WHERE c.code = ANY(%s) GROUP BY 1 ORDER BY 1",
            self.codes,
        )
        told = [f"{row['n']} {row['state']}" for row in rows] + [
            f"{run['n']} run(s) {run['state']}" for run in runs
        ]
        return ", ".join(told) or "no rows at all"
