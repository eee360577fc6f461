"""The audit compares the simulator's ledger with the attempts. The simulator is real."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from giftcodes.audit import LedgerError, Report, audit
from giftcodes.audit.ledger import Ledger, fetch
from giftcodes.models import Attempt, MemberRedemption, Redemption
from giftcodes.pipeline import redeem as step
from simulator import Simulator
from tests.audit.conftest import World, sql
from tests.factories import gift_code, guild
from tests.simulator.asking import ask


def _done(world: World, *, members: int = 2, **fault: Any) -> Redemption:
    """Redeem FROST for a guild, as far as this is possible without waiting."""
    wolves, code = guild(members=members), gift_code("FROST")
    world.knows(wolves)
    world.has(code)
    if fault:
        world.spoil(**fault)
    return world.redeem(wolves, code)


def _audit(world: World, *, repeats_allowed: int = 0) -> Report:
    return audit(ledger_url=world.game.url, repeats_allowed=repeats_allowed)


def _broken(world: World, *, repeats_allowed: int = 0) -> set[str]:
    return {finding.name for finding in _audit(world, repeats_allowed=repeats_allowed).broken}


def test_a_run_agrees_with_its_ledger(world: World) -> None:
    _done(world)
    world.breathe()

    report = _audit(world)

    assert report.broken == []
    assert report.ledger == {
        "url": world.game.url,
        "requests": 2,
        "grants": 2,
        "repeats": 0,
        "repeats_allowed": 0,
    }


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["drop", "reset", "truncated", "garbage", "html", "cut"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_spoiled_answer_is_no_difference(world: World, fault: str, when: str) -> None:
    _done(world, fault=fault, when=when)

    assert _broken(world) == set()


def test_a_request_that_is_under_way_is_no_difference(world: World) -> None:
    wolves, code = guild(members=1), gift_code("FROST")
    claim = world.claim(world.begin(wolves, code))
    assert step.intend(claim.pk, claim.token) is not None

    assert _broken(world) == set()


def test_a_worker_that_died_after_sending_is_no_difference(world: World) -> None:
    wolves, code = guild(members=1), gift_code("FROST")
    world.knows(wolves)
    world.has(code)
    claim = world.claim(world.begin(wolves, code))
    attempt = step.intend(claim.pk, claim.token)
    assert attempt is not None
    step.ask(attempt)

    assert _broken(world) == set()


def test_attempts_that_did_not_reach_the_game_need_no_request(world: World) -> None:
    redemption = _done(world)
    row = redemption.member_redemptions.order_by("pk")[0]
    MemberRedemption.objects.filter(pk=row.pk).update(token=9)
    for token, outcome in ((7, "not_sent"), (8, "unreachable")):
        Attempt.objects.create(
            member_redemption=row,
            gift_code_id=row.gift_code_id,
            player_id=row.player_id,
            realm=1042,
            token=token,
            outcome=outcome,
            sent_at="2020-01-01T00:00:00Z",
            answered_at="2020-01-01T00:00:00Z",
        )

    assert _broken(world) == set()


def test_requests_of_check_provider_need_no_attempt(world: World) -> None:
    ask(world.game, "1", "REDEEMERCHECK", 1)

    report = _audit(world)

    assert report.broken == []
    assert report.ledger is not None
    assert report.ledger["requests"] == 1


def test_a_request_without_an_attempt_is_named(world: World) -> None:
    _done(world)
    ask(world.game, "123456", "FROST")

    (finding,) = _audit(world).broken

    assert finding.name == "requests_have_attempts"
    assert finding.examples[0]["words"] == (
        "Player 123456, code FROST, realm 1042: 1 request(s), and 0 attempt(s) for them."
    ).replace("FROST", "frost")


def test_a_request_whose_attempt_says_that_it_was_not_sent_is_named(world: World) -> None:
    _done(world, members=1)
    sql("UPDATE giftcodes_attempt SET outcome = 'unreachable', http_status = NULL")

    assert "requests_have_attempts" in _broken(world)


def test_an_answer_that_the_game_did_not_give_is_named(world: World) -> None:
    redemption = _done(world, members=1)
    world.breathe()
    sql("UPDATE giftcodes_attempt SET http_status = 503")

    (finding,) = _audit(world).broken

    assert finding.name == "answers_have_requests"
    assert finding.examples[0]["player"] == redemption.member_redemptions.get().player_id


def test_answers_to_requests_that_the_game_never_saw_are_named(world: World) -> None:
    _done(world)
    world.breathe()
    world.game.reset()

    (finding,) = _audit(world).broken

    assert (finding.name, finding.checked, finding.broken) == ("answers_have_requests", 2, 2)


def test_repeats_are_counted_and_must_be_allowed(world: World) -> None:
    _done(world, members=1, fault="drop", when="after")
    world.pass_time(61)
    world.tick()

    report = _audit(world)

    assert {finding.name for finding in report.broken} == {"repeats_are_allowed"}
    assert report.ledger is not None
    assert report.ledger["repeats"] == 1
    assert _broken(world, repeats_allowed=1) == set()


def test_a_double_grant_is_named(world: World) -> None:
    _done(world, members=1)
    player = world.requests[0]["player"]
    world.game.state.world.holders.clear()
    ask(world.game, player, "FROST")

    assert "granted_once" in _broken(world)


@pytest.mark.parametrize("simulator", [{"rate": "2/60"}], indirect=True)
def test_one_request_too_many_in_a_window_is_named(simulator: Simulator, db: None) -> None:
    for _ in range(2):
        ask(simulator, "1", "REDEEMERCHECK", 1)
    assert audit(ledger_url=simulator.url).broken == []

    ask(simulator, "1", "REDEEMERCHECK", 1)

    (finding,) = audit(ledger_url=simulator.url).broken
    assert finding.name == "windows_are_kept"
    assert finding.examples[0]["window_number"] == 3


def test_a_429_that_the_test_scripted_is_not_named(simulator: Simulator, db: None) -> None:
    simulator.merge({"faults": [{"fault": "429"}]})
    assert ask(simulator, "1", "REDEEMERCHECK", 1).status_code == 429

    assert audit(ledger_url=simulator.url).broken == []


def test_a_request_that_no_honest_client_sends_is_named(world: World) -> None:
    requests.get(f"{world.game.url}/_sim/trap", timeout=10)

    (finding,) = _audit(world).broken

    assert finding.name == "client_is_honest"
    assert finding.examples[0]["words"] == "The game noted: redirect followed."


def _ledger(*entries: dict[str, Any], limit: int | None = None) -> Ledger:
    usual: dict[str, Any] = {
        "player": "1",
        "code": "A",
        "msg": None,
        "granted": False,
        "fault": None,
        "status": None,
    }
    numbered = [
        {**usual, "n": n, "window_number": n, **entry} for n, entry in enumerate(entries, start=1)
    ]
    return Ledger("", None, numbered, [], [], limit)  # type: ignore[arg-type]


GRANT, RECEIVED, LOST = {"granted": True, "msg": "SUCCESS"}, {"msg": "RECEIVED"}, {"msg": None}


@pytest.mark.parametrize(
    ("entries", "repeated"),
    [
        ([LOST, GRANT], []),
        ([GRANT, RECEIVED, LOST], [2, 3]),
        ([GRANT, {**LOST, "player": "2"}, {**LOST, "code": "B"}], []),
        # Two grants mean two issues. The unclear request between them may be for the second issue.
        ([GRANT, RECEIVED, LOST, GRANT], [2]),
    ],
)
def test_only_a_request_after_the_grant_is_a_repeat(
    entries: list[dict[str, Any]], repeated: list[int]
) -> None:
    assert [entry["n"] for entry in _ledger(*entries).repeats] == repeated


def test_a_request_without_a_recorded_answer_is_judged_by_its_number_in_the_window() -> None:
    assert [entry["n"] for entry in _ledger(LOST, LOST, limit=1).excesses] == [2]
    assert _ledger(LOST, LOST).excesses == []


@pytest.mark.parametrize("ending", ["", "/", "/_sim/ledger", "/_sim/ledger/"])
def test_the_address_of_the_simulator_and_that_of_its_ledger_are_accepted(
    simulator: Simulator, db: None, ending: str
) -> None:
    assert fetch(simulator.url + ending).url == simulator.url


def test_a_ledger_with_another_token_is_reported(
    simulator: Simulator, db: None, settings: Any
) -> None:
    settings.SIMULATOR_TOKEN = "another"

    with pytest.raises(LedgerError, match="set SIMULATOR_TOKEN"):
        fetch(simulator.url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "not an address", "{}/feed"])
def test_a_missing_ledger_is_reported(simulator: Simulator, db: None, url: str) -> None:
    with pytest.raises(LedgerError):
        fetch(url.format(simulator.url))
