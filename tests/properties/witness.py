"""Check each request and each answer against the rows as they were before it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.conf import settings

from giftcodes.domain.outcomes import PROVING, Outcome
from giftcodes.domain.transitions import SETTLED, State
from giftcodes.models import Attempt, MemberRedemption, RateBudget, RunState, database_now
from tests.properties.system import Message, Request, System


class Witness:
    """Checks requests and answers, and remembers which players are known to have a code."""

    def __init__(self, system: System) -> None:
        self._system = system
        #: The pairs of player and code for which an answer that proves the grant was recorded.
        self.proven: set[tuple[str, int]] = set()

    @contextmanager
    def of_a_request(self, claim: Message) -> Iterator[None]:
        """If the block sends a request, check that the rows before the block allowed it."""
        row_id, token = claim.args
        row = _read(row_id)
        budget, now = RateBudget.objects.get(), database_now()
        sent = len(self._system.requests)
        yield
        if len(self._system.requests) == sent:
            return
        assert (row.state, row.token) == (State.IN_FLIGHT, token), "the claim was over"
        assert row.lease_until > now + timedelta(seconds=settings.HTTP_SECONDS), (
            "the lease was nearly over"
        )
        assert not budget.pause_kind or (row.is_probe and budget.is_probing(now)), (
            "the game was paused"
        )
        assert (row.player_id, row.gift_code_id) not in self.proven, (
            "the player was known to have the code"
        )
        assert not self._is_asked_elsewhere(row), "two requests for one player and code"
        if not row.confirming:
            run, member = row.redemption, row.member
            assert run.state == RunState.RUNNING, "the redemption is not running"
            assert run.stop_requested_at is None, "the run was stopped"
            assert row.gift_code.is_open, "the code is closed"
            assert member.active, "the member has left"
            assert not member.opted_out, "the member has opted out"

    def _is_asked_elsewhere(self, row: MemberRedemption) -> bool:
        *others, _ = self._system.requests
        of_same = [
            other.intent.row_id
            for other in others
            if (other.intent.player_id, other.intent.gift_code_id)
            == (row.player_id, row.gift_code_id)
        ]
        return (
            MemberRedemption.objects.filter(pk__in=of_same, state=State.IN_FLIGHT)
            .exclude(pk=row.pk)
            .exists()
        )

    @contextmanager
    def of_an_answer(self, request: Request) -> Iterator[None]:
        """If the claim of the answer was lost, check that only SUCCESS changes the row."""
        intent, outcome = request.intent, request.answer.outcome
        before = _read(intent.row_id)
        held = (before.state, before.token) == (State.IN_FLIGHT, intent.token)
        yield
        after = _read(intent.row_id)
        assert Attempt.objects.get(pk=intent.id).outcome == outcome
        if held:
            assert after.state != State.IN_FLIGHT
        elif outcome is not Outcome.SUCCESS:
            assert _values(after) == _values(before), "a stale worker changed the row"
        elif after.state != State.REDEEMED:
            assert _values(after) == _values(before), (
                "a stale worker wrote something else than its success"
            )
        if outcome is Outcome.SUCCESS or (held and outcome in PROVING):
            self.proven.add((intent.player_id, intent.gift_code_id))
        assert (after.state in SETTLED) or not (held and outcome in PROVING)


def _read(row_id: int) -> MemberRedemption:
    rows = MemberRedemption.objects.select_related("redemption", "member", "gift_code")
    return rows.get(pk=row_id)


def _values(row: MemberRedemption) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
