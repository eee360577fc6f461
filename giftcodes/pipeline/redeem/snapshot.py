"""What is known about the game and the code of a request, read without a lock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from giftcodes.models import CodeState, RateBudget
from giftcodes.models.code_state import OPEN_STATES
from giftcodes.sql import fetch, statement

#: The columns of a snapshot, for a statement with the tables `b` (budget) and `c` (code).
COLUMNS = statement("redeem", "what_is_known", budget=RateBudget.columns("b"))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known about the game and the code.

    Args:
        now: the database's time.
        budget_version, code_version: these are different after a change of the row, unless only
            the number of used permits has changed.
    """

    now: dt.datetime
    budget_version: str
    code_version: str
    budget: RateBudget
    code_is_open: bool
    code_is_proven: bool
    code_is_probed: bool
    code_is_odd: bool
    code_is_held: bool

    @classmethod
    def of_columns(cls, columns: Sequence[Any]) -> Snapshot:
        """The snapshot with these values of `COLUMNS`."""
        now, budget_version, code_version, state, is_proven, is_odd, is_held, *budget = columns
        return cls(
            now=now,
            budget_version=budget_version,
            code_version=code_version,
            budget=RateBudget.of_columns(budget),
            code_is_open=state in OPEN_STATES,
            code_is_proven=is_proven and state == CodeState.ACTIVE,
            code_is_probed=state == CodeState.PROBING,
            code_is_odd=is_odd,
            code_is_held=is_held,
        )

    @classmethod
    def read(cls, gift_code_id: int) -> Snapshot:
        """Read a snapshot in one statement."""
        (columns,) = fetch(statement("redeem", "snapshot", snapshot=COLUMNS), code=gift_code_id)
        return cls.of_columns(columns)
