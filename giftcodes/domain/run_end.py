"""How a run ended: kept as the detail of its journal entry, so that later runs do not change it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Self

from django.utils.translation import gettext, ngettext

from giftcodes.domain.result_kinds import ResultKind
from giftcodes.domain.served import Result, Served


@dataclass(frozen=True, slots=True)
class RunEnd:
    """The result of a redemption when a run of it ended.

    Args:
        result: the result, with the numbers of members at that moment.
        gained: for how many members this run redeemed the code.
    """

    result: Result
    gained: int

    @property
    def stored(self) -> str:
        """The text that `read` understands: values only, so it can be shown in any language."""
        return json.dumps(
            {
                "result": self.result.kind.value,
                "gained": self.gained,
                "served": asdict(self.result.served),
            }
        )

    @classmethod
    def read(cls, detail: str) -> Self | None:
        """How a run ended, from the detail of its journal entry.

        Returns None for an entry of an earlier release: its detail is empty, or a sentence.
        """
        if not detail.startswith("{"):
            return None
        try:
            kept = json.loads(detail)
            result = Result(ResultKind(kept["result"]), Served(**kept["served"]))
            return cls(result, int(kept["gained"]))
        except (ValueError, TypeError, KeyError):
            return None

    @property
    def numbers(self) -> str:
        """The numbers in words, such as `36 of 39 have it, 2 got it in this run`.

        If the run redeemed the code for everyone who has it, only the first part.
        """
        served = self.result.served
        if not served.total or self.gained >= served.has:
            return served.words
        if not self.gained:
            return gettext("%(served)s, nobody got it in this run") % {"served": served.words}
        words = ngettext(
            "%(served)s, %(gained)d got it in this run",
            "%(served)s, %(gained)d got it in this run",
            self.gained,
        )
        return words % {"served": served.words, "gained": self.gained}

    @property
    def words(self) -> str:
        """The result and the numbers, such as `done, 3 need you (36 of 39 have it)`."""
        return f"{self.result.words} ({self.numbers})"
