"""Ten thousand answers through the real client: each becomes an Outcome.

No outcome claims more than the answer proves.

`PROPERTY_EXAMPLES=500` runs 500 × 30 answers of a new seed; `ANSWER_SEED` repeats a seed.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from giftcodes.clients.games import Answer, CenturyClient
from giftcodes.domain.outcomes import PROVING, Outcome
from giftcodes.domain.transitions import SETTLED, State
from giftcodes.models import Attempt, CodeState, GiftCode, MemberRedemption, RateBudget, Trigger
from giftcodes.models.clock import clock_plus
from giftcodes.pipeline import redeem as step
from giftcodes.pipeline.start_or_refuse import start
from tests.clients.conftest import FEED_KEY, SALT, client_of, redeem
from tests.clients.http.raw_server import RawServer, Talk
from tests.factories import gift_code, guild
from tests.properties.answers import Case, make

pytestmark = pytest.mark.usefixtures("silence")

LONG = int(os.environ.get("PROPERTY_EXAMPLES", "0"))
SEED = int(os.environ.get("ANSWER_SEED", time.time_ns() if LONG else 2026))
ANSWERS = 30 * LONG or 10_000
STORED = 200


class Parrot:
    """A server that sends the bytes of a case, and keeps the signature of the last request."""

    def __init__(self) -> None:
        self.case = Case("nothing", b"")
        self.sign = ""
        self._has_hung_up = threading.Event()
        self.server = RawServer(self._script)
        self.client: CenturyClient = client_of(self.server.url)

    def _script(self, talk: Talk) -> None:
        while request := talk.hear():
            self.sign = request.form["sign"]
            # The game may send back the signature that it got.
            keeps = self.case.keeps
            try:
                talk.say(self.case.data.replace(b"%SIGN%", self.sign.encode()))
            finally:
                if not keeps:
                    talk.hang_up()
                    self._has_hung_up.set()
            if not keeps:
                return

    def redeem(self, case: Case) -> Answer:
        """Send one request.

        Wait for the end of a connection that is not kept, so that the next request cannot use it.
        """
        self.case = case
        self.server.requests.clear()
        self._has_hung_up.clear()
        answer = redeem(self.client)
        assert case.keeps or self._has_hung_up.wait(60)
        return answer


@pytest.fixture(scope="module")
def parrot() -> Iterator[Parrot]:
    one = Parrot()
    yield one
    one.server.stop()


def the_case(number: int) -> Case:
    return make(SEED, number, (SALT, FEED_KEY, "%SIGN%"))


def check(case: Case, answer: Answer, sign: str) -> None:
    assert isinstance(answer.outcome, Outcome)
    assert answer.outcome not in (Outcome.UNREACHABLE, Outcome.NOT_SENT), "the request was sent"
    if case.exactly:
        assert answer.outcome is case.exactly
    assert answer.outcome not in PROVING or answer.outcome in case.may_prove, "not proven"
    assert len(answer.msg) <= 200
    assert len(answer.err_code) <= 20
    assert len(answer.body) <= 2000
    assert len(answer.detail) <= 200
    for text in (answer.msg, answer.err_code, answer.body, answer.detail):
        assert "\0" not in text
        text.encode()
        for secret in (SALT, FEED_KEY, sign):
            assert secret not in text
    rate = answer.rate
    assert all(value is None or 0 <= value < 10**9 for value in (rate.limit, rate.remaining))
    assert all(
        value is None or 0 <= value <= 86_400
        for value in (rate.retry_after_seconds, rate.reset_after_seconds)
    )


def test_ten_thousand_answers_become_outcomes_that_prove_no_more_than_the_game_said(
    parrot: Parrot,
) -> None:
    seen: Counter[tuple[str, Outcome]] = Counter()
    for number in range(ANSWERS):
        case = the_case(number)
        try:
            answer = parrot.redeem(case)
            check(case, answer, parrot.sign)
        except Exception as error:
            error.add_note(
                f"ANSWER_SEED={SEED}, answer {number} ({case.kind}): {case.data[:500]!r}"
            )
            raise
        seen[case.kind, answer.outcome] += 1
    outcomes = {outcome for _, outcome in seen}
    assert outcomes == set(Outcome) - {Outcome.UNREACHABLE, Outcome.NOT_SENT}, (
        "the generated answers miss an outcome"
    )


@pytest.mark.django_db
def test_every_answer_that_the_client_returns_can_be_stored(parrot: Parrot) -> None:
    row = _a_row()
    for number in range(STORED):
        case = the_case(number)
        answer = parrot.redeem(case)
        try:
            row.refresh_from_db()
            _store(row, answer)
        except Exception as error:
            error.add_note(f"ANSWER_SEED={SEED}, answer {number} ({case.kind}): {answer!r}")
            raise


def _a_row() -> MemberRedemption:
    wolves, code = guild(members=1), gift_code()
    started = start(guild_id=wolves.pk, gift_code_id=code.pk, trigger=Trigger.COMMAND)
    RateBudget.objects.create(provider="simulator")
    return MemberRedemption.objects.get(redemption=started.redemption_id)


def _store(row: MemberRedemption, answer: Answer) -> None:
    """Reset and claim the row, and record the answer for it."""
    Attempt.objects.all().delete()
    MemberRedemption.objects.filter(pk=row.pk).update(
        state=State.IN_FLIGHT,
        token=row.token + 1,
        lease_until=clock_plus(30),
        tries=0,
        uncounted_failures=0,
        settled_at=None,
    )
    GiftCode.objects.filter(pk=row.gift_code_id).update(state=CodeState.ACTIVE, held_until=None)
    RateBudget.objects.update(pause_kind="", window_ends_at=None, permits_until=None)
    intent = step.intend(row.pk, row.token + 1)
    assert intent is not None

    step.record(intent, answer)

    stored = Attempt.objects.get(pk=intent.id)
    assert (stored.outcome, stored.err_code, stored.body) == (
        answer.outcome,
        answer.err_code,
        answer.body,
    )
    assert stored.msg == (answer.msg or answer.detail)
    row.refresh_from_db()
    assert (row.state in SETTLED) == (answer.outcome in PROVING)
    assert row.state != State.IN_FLIGHT
