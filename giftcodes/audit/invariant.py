"""An invariant, and the finding about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

#: The most broken rows that are shown for each invariant.
EXAMPLES = 5


class Section(StrEnum):
    """A part of the audit (docs/reference/invariants.md). All others assume that `FIELDS` holds."""

    RUNS = "1 runs"
    PLAYERS = "2 players"
    PROOFS = "3 proofs"
    MEMBERS = "4 members"
    PROGRESS = "5 progress"
    FIELDS = "fields"
    LEDGER = "6 ledger"


@dataclass(frozen=True, slots=True)
class Population:
    """The rows that an invariant checks: what they are called, and a query that counts them."""

    words: str
    count: str


@dataclass(frozen=True, slots=True)
class Invariant:
    """A sentence that must be true, and the query that finds the rows for which it is not.

    Args:
        name: a stable identifier for programs.
        section: the part of the audit to which it belongs.
        sentence: what must be true.
        of: the rows that are checked.
        broken: selects the broken rows, with the columns that `words` names. It may use the
            parameters `now`, `on` (the games that are on), `two_sweeps`,
            `two_catch_ups`, `stalled` and `on_trial` (the codes that are not yet for all guilds).
        words: one broken row in words, as a format string.
        look_again_seconds: the time within which the running system restores the invariant, or 0 if
            it must always hold. If it is broken, it is examined again after this time. The query
            cannot allow for the time, because the database does not record when every change was
            made.
    """

    name: str
    section: Section
    sentence: str
    of: Population
    broken: str
    words: str
    look_again_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Finding:
    """The result for one invariant.

    `examples` are some of the broken rows as plain values, each with its description under the key
    `words`.
    """

    name: str
    section: Section
    sentence: str
    of: str
    checked: int
    broken: int
    examples: list[dict[str, Any]] = field(default_factory=list)
