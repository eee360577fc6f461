"""What an invariant is, and what is found of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

#: So many broken rows are shown of each invariant.
EXAMPLES = 5


class Section(StrEnum):
    """Where an invariant stands in docs/reference/invariants.md. The fields are what those lean on."""

    RUNS = "1 runs"
    PLAYERS = "2 players"
    PROOFS = "3 proofs"
    MEMBERS = "4 members"
    PROGRESS = "5 progress"
    FIELDS = "fields"
    LEDGER = "6 ledger"


@dataclass(frozen=True, slots=True)
class Population:
    """What an invariant is about: a name for it, and the query that counts it."""

    words: str
    count: str


@dataclass(frozen=True, slots=True)
class Invariant:
    """Something that must be true, and the query for where it is not.

    Args:
        name: stable, for programs.
        section: which part of the design it belongs to.
        sentence: what must be true.
        of: what is checked.
        broken: selects the broken rows; each has the columns that `words` names. It may use the parameters `now`,
            `on` (the games that are on), `two_sweeps`, `two_catch_ups` and `stalled`.
        words: one broken row in words, as a format string.
        look_again_seconds: the system makes it true by itself within this time. Where it is broken it is looked at
            again so much later, because not every change has a time in the database that a query could allow for.
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
    """How things stand with one invariant.

    `examples` are some of the broken rows as plain values; each has its `words`.
    """

    name: str
    section: Section
    sentence: str
    of: str
    checked: int
    broken: int
    examples: list[dict[str, Any]] = field(default_factory=list)
