"""One round of a scenario, with its guilds and codes, and with operations that inject faults."""

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
class Round:
    """One round. The scenario publishes codes and injects faults. The runner waits and checks.

    Args:
        system: the system under test.
        random: decides which faults happen, and when. The same seed gives the same numbers.
        players: the players of all guilds. A player in two guilds is listed once.
        guilds: the ids of the guilds, by their names.
        members: the number of member redemptions that each code gets.
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
    #: The ids of attempts that were in flight at a fault. They may remain without an answer.
    in_flight: set[int] = field(default_factory=set)
    #: Problems that the scenario found.
    problems: list[str] = field(default_factory=list)
    #: Remarks that are shown with the round's result.
    notes: list[str] = field(default_factory=list)
    #: Players who need not have the code at the end. A row without the code must still say why.
    exempt: set[str] = field(default_factory=set)
    #: Whether the game may refuse requests with a 429 that our pace did not cause, such as a
    #: scripted one.
    may_be_throttled: bool = False
    #: How long a disconnected process may take to reconnect. This is added to the allowed recovery
    #: time.
    extra_seconds: float = 0.0
    #: How long a game's pause and probes may take. This is added to the time that is allowed until
    #: everything is settled.
    game_seconds: float = 0.0
    #: The number of issues of each code. Each player gets every issue.
    issues: int = 1
    #: When a claim with an expired lease was last seen, in seconds after the last fault.
    expired_claims_seconds: float = 0.0
    _must_note_in_flight: bool = False

    # --- Work -------------------------------------------------------------------------------------
    def new_code(self, *, feed: bool = True) -> str:
        """Create a code that works, and publish it unless `feed` is false. Returns the code."""
        code = f"Chaos{next(_numbers):04d}{self.random.choice('ABCDEFGH')}"
        self.codes.append(code)
        self.system.game.change(codes={code: {}})
        if feed:
            self.publish(code)
        return code

    def publish(self, code: str) -> None:
        """Add a code to the feed, and make the feed due now."""
        self.system.game.change(feed=[line(code)])
        self.try_database(self.system.database.poll_now)

    def wait_for_progress(self, fraction: float) -> None:
        """Wait until this fraction of the round's member redemptions is settled."""
        goal = fraction * self.members * len(self.codes)

        def is_done() -> bool:
            progress = self.system.database.progress(self.codes)
            return bool(progress["rows"]) and progress["settled"] >= goal

        self.system.wait_until(is_done, f"{goal:.0f} settled rows", seconds=self.patience_seconds)

    def wait_for_random_moment(self, until: float = 0.9) -> None:
        """Wait for a random moment of the run.

        The wait lasts until a random fraction of the member redemptions is settled, then usually
        until a request is in flight, and then for a short random time.

        Args:
            until: the largest fraction.
        """
        self.wait_for_progress(self.random.uniform(0, until))
        if self.random.random() < 0.8:
            self.wait_for_request()
        self.system.pause(self.random.uniform(0, 0.3))

    def wait_for_request(self) -> None:
        """Wait until a request is in flight, or everything is settled."""
        self.system.wait_until(
            lambda: bool(self.system.database.unanswered() - self.in_flight) or self.is_settled(),
            "a request in flight",
            seconds=self.patience_seconds,
        )

    # --- Faults -----------------------------------------------------------------------------------
    def record_fault(self) -> None:
        """Record that a fault has happened now. Requests in flight may be lost."""
        self.faults += 1
        self.last_fault_at = time.monotonic()
        self.expired_claims_seconds = 0.0
        self._must_note_in_flight = True
        self.note_in_flight()

    def note_in_flight(self) -> None:
        """After a fault, record which requests were in flight, as soon as the database answers."""
        if self._must_note_in_flight and self.try_database(
            lambda: self.in_flight.update(self.system.database.unanswered())
        ):
            self._must_note_in_flight = False

    def kill(self, name: str) -> None:
        """Kill a process. It is restarted after a moment."""
        self.system.processes[name].kill()
        self.system.supervise()

    def send_signal(self, name: str, number: signal.Signals) -> None:
        self.system.processes[name].send(number)

    def try_database(self, action: Callable[[], object]) -> bool:
        """Call a function that uses the database. Returns False if the database is down."""
        try:
            action()
        except psycopg.OperationalError:
            return False
        return True

    # --- The end ----------------------------------------------------------------------------------
    @property
    def patience_seconds(self) -> float:
        """The time allowed until everything is settled.

        It counts from the last fault or, if there was none, from the beginning of the wait.
        """
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
        """The time allowed from the last fault until all claims of dead workers are recovered."""
        return (
            2 * times.LEASE_SECONDS
            + 2 * times.SWEEP_SECONDS
            + times.STARTUP_SECONDS
            + times.SLACK_SECONDS
            + self.extra_seconds
        )

    def is_settled(self) -> bool:
        """Whether all member redemptions of the round exist and are done, and no run goes on."""
        self.note_in_flight()
        progress = self.system.database.progress(self.codes)
        if progress["expired"]:
            self.expired_claims_seconds = time.monotonic() - self.last_fault_at
        return progress["rows"] >= self.expected_rows and not (
            progress["open"] or progress["unfinished"]
        )

    def settle(self) -> float:
        """Wait until everything is settled. Returns the seconds since the last fault.

        Raises:
            TimeUpError: this took too long. The message says what is still open.
        """
        begun = self.last_fault_at or time.monotonic()
        try:
            left = self.patience_seconds - (time.monotonic() - begun)
            self.system.wait_until(self.is_settled, "everything to settle", seconds=max(5.0, left))
        except TimeUpError as error:
            message = (
                f"not recovered {self.patience_seconds:.0f} s after the last fault: "
                f"{self._count_by_state()}"
            )
            raise TimeUpError(message) from error
        return time.monotonic() - begun

    def _count_by_state(self) -> str:
        rows = self.system.database.execute(
            "SELECT m.state, count(*) AS n FROM giftcodes_memberredemption m "
            "JOIN giftcodes_giftcode c ON c.id = m.gift_code_id "
            "WHERE c.code = ANY(%s) GROUP BY 1 ORDER BY 1",
            self.codes,
        )
        runs = self.system.database.execute(
            "SELECT r.state, count(*) AS n FROM giftcodes_redemption r "
            "JOIN giftcodes_giftcode c ON c.id = r.gift_code_id "
            "WHERE c.code = ANY(%s) GROUP BY 1 ORDER BY 1",
            self.codes,
        )
        counts = [f"{row['n']} {row['state']}" for row in rows] + [
            f"{run['n']} run(s) {run['state']}" for run in runs
        ]
        return ", ".join(counts) or "no rows"
