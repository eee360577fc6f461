"""Check the invariants. Each is one query over all rows, and all queries use the same snapshot."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from giftcodes.audit import ledger_checks
from giftcodes.audit.invariant import EXAMPLES, Finding, Invariant, Population
from giftcodes.audit.invariants import INVARIANTS
from giftcodes.audit.ledger import Ledger, fetch
from giftcodes.models.games import games
from giftcodes.models.trial import trials

#: The sweep runs every 10 s, and catch-up every 60 s (giftcodes/migrations/0002_schedule.py).
TWO_SWEEPS = dt.timedelta(seconds=20)
TWO_CATCH_UPS = dt.timedelta(seconds=120)
#: The sweep raises an alarm about a run after two minutes without progress.
STALLED = dt.timedelta(seconds=120) + TWO_SWEEPS

_EXAMINE = """
WITH broken AS MATERIALIZED ({broken})
SELECT count(*), (SELECT coalesce(jsonb_agg(to_jsonb(few)), '[]')
                  FROM (SELECT * FROM broken LIMIT {examples}) few)
FROM broken
"""


@dataclass(frozen=True, slots=True)
class Report:
    """The result of an audit.

    Args:
        at: the time of the snapshot that was examined, by the database's clock.
        findings: one for each invariant.
        ledger: figures of the simulator's ledger. None if it was not compared.
    """

    at: dt.datetime
    findings: list[Finding]
    ledger: dict[str, Any] | None = None

    @property
    def broken(self) -> list[Finding]:
        """The invariants that do not hold."""
        return [finding for finding in self.findings if finding.broken]


@dataclass(slots=True)
class _Snapshot:
    """The state of the database at one moment."""

    now: dt.datetime
    counted: dict[Population, int] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, Any]:
        return {
            "now": self.now,
            "on": [config.name for config in games().values() if config.is_on],
            "two_sweeps": TWO_SWEEPS,
            "two_catch_ups": TWO_CATCH_UPS,
            "stalled": STALLED,
            "on_trial": list(trials()),
        }

    def examine(self, invariant: Invariant) -> Finding:
        """Count the rows that break an invariant."""
        broken, examples = _ask(
            _EXAMINE.format(broken=invariant.broken, examples=EXAMPLES), self.parameters
        )
        return Finding(
            name=invariant.name,
            section=invariant.section,
            sentence=invariant.sentence,
            of=invariant.of.words,
            checked=self._count(invariant.of),
            broken=broken,
            examples=[_in_words(invariant.words, facts) for facts in json.loads(examples)],
        )

    def _count(self, population: Population) -> int:
        if population not in self.counted:
            (self.counted[population],) = _ask(population.count, self.parameters)
        return self.counted[population]


def audit(
    *,
    ledger_url: str = "",
    repeats_allowed: int = 0,
    on_wait: Callable[[float], None] | None = None,
) -> Report:
    """Check every invariant in one snapshot of the database. This only reads, and blocks nothing.

    The system needs some time to restore some of the invariants. If one of these is broken, it is
    examined again after that time.

    Args:
        ledger_url: the simulator's address. If it is empty, the ledger is not compared.
        repeats_allowed: how many repeated requests the ledger may show: one for each request that
            was in flight when a worker was killed, and one for each answer that was dropped.
        on_wait: called with the seconds until the second examination. If it is None, there is no
            second examination.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    # The ledger is read before the database. An attempt is written before its request is sent, so
    # the database has an attempt for each request in the ledger.
    ledger = fetch(ledger_url) if ledger_url else None
    with _one_moment() as snapshot:
        findings = [snapshot.examine(invariant) for invariant in INVARIANTS]
        if ledger is not None:
            findings += ledger_checks.compare(ledger, repeats_allowed=repeats_allowed)
    if on_wait is not None:
        findings = _examine_again(findings, on_wait)
    return Report(snapshot.now, findings, _figures(ledger, repeats_allowed) if ledger else None)


def _examine_again(findings: Iterable[Finding], on_wait: Callable[[float], None]) -> list[Finding]:
    broken = {finding.name for finding in findings if finding.broken}
    doubtful = {
        row.name: row for row in INVARIANTS if row.name in broken and row.look_again_seconds
    }
    if not doubtful:
        return list(findings)
    seconds = max(invariant.look_again_seconds for invariant in doubtful.values())
    on_wait(seconds)
    time.sleep(seconds)
    with _one_moment() as snapshot:
        again = {name: snapshot.examine(invariant) for name, invariant in doubtful.items()}
    return [again.get(finding.name, finding) for finding in findings]


@contextmanager
def _one_moment() -> Iterator[_Snapshot]:
    """Open a transaction with one snapshot, or join the caller's transaction if there is one."""
    is_own = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if is_own:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        # The queries join millions of rows. They should do so in memory where possible, and without
        # the slow JIT compilation.
        cursor.execute("SET LOCAL work_mem = '64MB'")
        cursor.execute("SET LOCAL jit = off")
        cursor.execute("SELECT clock_timestamp()")
        yield _Snapshot(now=cursor.fetchone()[0])


def _ask(statement: str, parameters: dict[str, Any]) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        row: tuple[Any, ...] = cursor.fetchone()
    return row


def _in_words(words: str, facts: dict[str, Any]) -> dict[str, Any]:
    shown = {name: "–" if value is None else value for name, value in facts.items()}
    return {**facts, "words": words.format(**shown)}


def _figures(ledger: Ledger, repeats_allowed: int) -> dict[str, Any]:
    return {
        "url": ledger.url,
        "requests": len(ledger.requests),
        "grants": len(ledger.grants),
        "repeats": len(ledger.repeats),
        "repeats_allowed": repeats_allowed,
    }
