"""A model of the game in memory: what it has granted, and what it answers."""

from __future__ import annotations

from giftcodes.clients.games import Answer, RateReport
from giftcodes.domain.outcomes import UNDECIDED, Outcome

_SILENT = frozenset({Outcome.UNANSWERED, Outcome.UNREACHABLE, Outcome.NOT_SENT})
_STATUS = {Outcome.THROTTLED: 429, Outcome.SERVER_ERROR: 503}
_SETTLING = frozenset({Outcome.SUCCESS, Outcome.RECEIVED})


class Game:
    """Grants each code at most once to each player, whatever its answers say."""

    def __init__(self) -> None:
        self.grants: set[tuple[str, int]] = set()
        #: Codes that have ended. The game does not grant them any more.
        self.ended: set[int] = set()

    def ask(
        self, player_id: str, code_id: int, *, says: Outcome = Outcome.SUCCESS, acts: bool = False
    ) -> Answer:
        """Handle one request.

        Args:
            says: the answer. For SUCCESS and RECEIVED, the game gives the true answer instead.
            acts: whether the game grants the code before an answer that leaves the result open.
        """
        truth = self._truth(player_id, code_id)
        outcome = truth if says in _SETTLING else says
        is_granted = outcome is Outcome.SUCCESS or (
            acts and outcome in UNDECIDED and truth is Outcome.SUCCESS
        )
        if is_granted:
            self.grants.add((player_id, code_id))
        return answer(outcome)

    def _truth(self, player_id: str, code_id: int) -> Outcome:
        if (player_id, code_id) in self.grants:
            return Outcome.RECEIVED
        return Outcome.CODE_EXPIRED if code_id in self.ended else Outcome.SUCCESS


def answer(outcome: Outcome) -> Answer:
    """An answer as the client returns it."""
    return Answer(
        outcome=outcome,
        http_status=None if outcome in _SILENT else _STATUS.get(outcome, 200),
        err_code="",
        msg=outcome.value,
        latency_ms=1,
        body="",
        rate=RateReport(),
    )
