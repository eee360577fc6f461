"""All invariants that need only the database, in the order of docs/reference/invariants.md."""

from __future__ import annotations

from giftcodes.audit.invariant import Invariant, Section
from giftcodes.audit.members import MEMBERS
from giftcodes.audit.players import PLAYERS
from giftcodes.audit.progress import PROGRESS
from giftcodes.audit.proofs import PROOFS
from giftcodes.audit.runs import RUNS
from giftcodes.audit.states import STATES

_ORDER = list(Section)

INVARIANTS: tuple[Invariant, ...] = tuple(
    sorted(
        (*RUNS, *PLAYERS, *PROOFS, *MEMBERS, *PROGRESS, *STATES),
        key=lambda invariant: _ORDER.index(invariant.section),
    )
)
