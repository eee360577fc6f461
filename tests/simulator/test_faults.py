"""Scripted faults: which requests they affect, at which point, and what is sent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests

from simulator import Simulator
from tests.simulator.asking import (
    ANNA,
    BERT,
    ENDLESS_SECONDS,
    REALM,
    SECONDS,
    ask,
    drips,
    grants,
    last_entry,
    word,
)
from tests.waiting import wait_for

ENDS_WITHOUT_ANSWER = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


@pytest.fixture
def game(simulator) -> Simulator:
    """Anna, Bert and the code SNOW."""
    simulator.merge(
        {"players": {ANNA: {"realm": REALM}, BERT: {"realm": REALM}}, "codes": {"SNOW": {}}}
    )
    return simulator


@contextmanager
def asking_in_vain(game: Simulator) -> Iterator[Future[requests.Response]]:
    """A request for Anna that is under way until the game is stopped."""
    with ThreadPoolExecutor() as pool:
        late = pool.submit(ask, game, timeout=ENDLESS_SECONDS)
        try:
            yield late
        finally:
            game.stop()
        with pytest.raises(ENDS_WITHOUT_ANSWER):
            late.result()


def spoil(game: Simulator, kind: str, **script: object) -> None:
    game.merge({"faults": [{"fault": kind, **script}]})


def test_an_answer_can_be_dropped_after_the_effect(game):
    spoil(game, "drop", when="after")

    with pytest.raises(requests.ConnectionError):
        ask(game)

    assert grants(game) == [(ANNA, "SNOW", 1)]
    assert word(game) == "RECEIVED"


def test_a_request_can_be_dropped_before_the_effect(game):
    spoil(game, "drop", when="before")

    with pytest.raises(requests.ConnectionError):
        ask(game)

    assert grants(game) == []
    assert word(game) == "SUCCESS"


def test_a_request_that_is_dropped_before_the_effect_has_opened_the_window(game):
    spoil(game, "drop", when="before")

    with pytest.raises(requests.ConnectionError):
        ask(game)

    assert last_entry(game)["window_number"] == 1


def test_a_request_that_was_lost_on_the_way_is_in_no_window(game):
    spoil(game, "drop", when="unseen")

    with pytest.raises(requests.ConnectionError):
        ask(game)

    assert last_entry(game)["window_number"] is None
    ask(game)
    assert last_entry(game)["window_number"] == 1


def test_a_connection_can_be_reset(game):
    spoil(game, "reset")

    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        ask(game)

    assert last_entry(game)["status"] is None


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_answer_can_be_delayed(game, when):
    spoil(game, "delay", seconds=0.3, when=when)

    started = time.monotonic()
    assert word(game) == "SUCCESS"

    assert time.monotonic() - started >= 0.3


def test_a_delay_before_the_effect_keeps_the_grant_back(game):
    spoil(game, "delay", seconds=0.3, when="before")
    assert word(game) == "SUCCESS"

    (grant,) = game.ledger()["grants"]
    assert grant["at"] - last_entry(game)["at"] >= 0.29


def test_a_delay_after_the_effect_does_not_keep_the_grant_back(game):
    spoil(game, "delay", seconds=ENDLESS_SECONDS, when="after")
    with asking_in_vain(game):
        wait_for(lambda: grants(game) == [(ANNA, "SNOW", 1)], "the grant")
        assert last_entry(game)["answered_at"] is None


def test_a_request_that_is_delayed_on_the_way_opens_the_window_when_it_arrives(game):
    spoil(game, "delay", seconds=0.3, when="unseen", player=ANNA)
    ask(game)

    entry = last_entry(game)
    assert entry["window_number"] == 1
    assert entry["window_opened_at"] - entry["at"] >= 0.29


def test_a_request_that_is_late_on_the_way_leaves_its_place_in_the_window_to_others(game):
    spoil(game, "delay", seconds=ENDLESS_SECONDS, when="unseen", player=ANNA)
    with asking_in_vain(game):
        wait_for_requests(game, 1)
        ask(game, player=BERT)
        numbers = {entry["player"]: entry["window_number"] for entry in game.ledger()["requests"]}

    assert numbers == {ANNA: None, BERT: 1}


def test_a_slow_request_holds_up_no_other_request(game):
    spoil(game, "delay", seconds=ENDLESS_SECONDS, player=ANNA)
    with asking_in_vain(game) as slow:
        wait_for_requests(game, 1)
        assert word(game, player=BERT) == "SUCCESS"
        assert not slow.done()


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_maintenance_is_a_page_of_html(game, status):
    spoil(game, "status", status=status)

    answer = ask(game)

    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert str(status) in answer.text
    assert grants(game) == []


def test_a_5xx_can_come_after_the_effect(game):
    spoil(game, "status", status=502, when="after")

    assert ask(game).status_code == 502
    assert grants(game) == [(ANNA, "SNOW", 1)]


def test_html_can_come_with_status_200(game):
    spoil(game, "html")

    answer = ask(game)

    assert (answer.status_code, answer.text[:6]) == (200, "<html>")


def test_an_answer_can_be_garbage(game):
    spoil(game, "garbage")

    answer = ask(game)

    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_json_can_be_truncated(game):
    spoil(game, "truncated", when="after")

    answer = ask(game)

    assert answer.text.startswith('{"code": 0')
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert grants(game) == [(ANNA, "SNOW", 1)]


def test_an_answer_can_be_cut_off(game):
    spoil(game, "cut", when="after")

    with pytest.raises(ENDS_WITHOUT_ANSWER):
        ask(game)

    assert grants(game) == [(ANNA, "SNOW", 1)]


def test_json_can_be_of_any_other_shape(game):
    spoil(game, "json", body=[1, {"detail": "?"}], status=418)

    answer = ask(game)

    assert (answer.status_code, answer.json()) == (418, [1, {"detail": "?"}])


def test_an_unknown_message_can_be_scripted(game):
    spoil(game, "msg", msg="MOON PHASE ERROR", err_code=41234)

    answer = ask(game).json()

    assert answer == {"code": 1, "data": [], "msg": "MOON PHASE ERROR", "err_code": 41234}


@pytest.mark.parametrize("msg", ["TIMEOUT RETRY", "NOT LOGIN", "TOO FREQUENT", "USED"])
def test_any_message_of_the_game_can_be_forced(game, msg):
    spoil(game, "msg", msg=msg)

    assert word(game) == msg
    assert grants(game) == []


def test_timeout_retry_can_come_with_the_effect(game):
    spoil(game, "msg", msg="TIMEOUT RETRY", when="after")

    assert word(game) == "TIMEOUT RETRY"
    assert grants(game) == [(ANNA, "SNOW", 1)]


def test_a_forced_answer_to_a_request_that_counts_has_rate_headers(game):
    spoil(game, "msg", msg="TIMEOUT RETRY")

    assert ask(game).headers["X-RateLimit-Limit"] == "100000"


def test_a_429_can_be_scripted(game):
    spoil(game, "429")

    assert [ask(game).status_code for _ in range(2)] == [429, 200]


@pytest.mark.parametrize("kind", ["429", "status", "html", "json", "msg"])
def test_an_answer_can_have_scripted_headers(game, kind):
    spoil(game, kind, headers={"Retry-After": "soon"})

    assert ask(game).headers["Retry-After"] == "soon"


def test_a_redirect_leads_into_a_trap(game):
    spoil(game, "redirect")

    answer = ask(game)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/_sim/trap")
    requests.get(game.url + answer.headers["Location"], timeout=SECONDS)

    assert game.ledger()["violations"][0]["kind"] == "redirect followed"


def test_a_body_can_be_huge(game):
    spoil(game, "huge", bytes=3_000_001)

    assert len(ask(game).content) == 3_000_001


def test_a_body_can_drip_without_end(game):
    spoil(game, "drip", seconds=0.02)

    received = drips(game, "POST /api/gift_code")

    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert received.endswith(b"\r\n\r\n" + b" " * 5)


def test_a_head_can_drip_without_end(game):
    spoil(game, "drip", seconds=0.02, part="head")

    assert drips(game, "POST /api/gift_code").endswith(b"aaaaa")


def test_a_drip_ends_when_the_client_disconnects(game):
    spoil(game, "drip", seconds=0.02)
    with ask(game, stream=True):
        pass

    wait_for(lambda: last_entry(game)["answered_at"] is not None, "the drip to end")


def test_a_fault_affects_one_request_by_default(game):
    spoil(game, "status")

    assert [ask(game).status_code for _ in range(3)] == [503, 200, 200]


def test_a_fault_can_affect_a_number_of_requests(game):
    spoil(game, "status", times=2)

    assert [ask(game).status_code for _ in range(3)] == [503, 503, 200]


def test_a_fault_can_affect_every_request(game):
    spoil(game, "status", times=None)

    assert {ask(game).status_code for _ in range(10)} == {503}


def test_a_fault_can_be_meant_for_one_player(game):
    spoil(game, "status", player=BERT)

    assert [ask(game, player=player).status_code for player in (ANNA, BERT)] == [200, 503]


def test_a_fault_can_be_meant_for_one_code(game):
    spoil(game, "status", code="SNOW")

    assert [ask(game, code=code).status_code for code in ("ICE", "SNOW")] == [200, 503]


def test_a_fault_can_be_meant_for_one_player_and_code(game):
    spoil(game, "status", player=BERT, code="SNOW")

    asked = [(ANNA, "SNOW"), (BERT, "ICE"), (BERT, "SNOW")]
    assert [ask(game, player, code).status_code for player, code in asked] == [200, 200, 503]


def test_a_fault_can_be_meant_for_the_nth_request(game):
    spoil(game, "status", nth=3)

    assert [ask(game).status_code for _ in range(4)] == [200, 200, 503, 200]


def test_a_fault_can_have_a_probability(game):
    spoil(game, "status", times=None, probability=0.5)

    hits = [ask(game).status_code for _ in range(60)].count(503)

    assert 15 <= hits <= 45


def test_chance_is_the_same_for_the_same_seed(make_simulator):
    histories = []
    for seed in (7, 7, 8):
        game = make_simulator(seed=seed)
        spoil(game, "status", times=None, probability=0.5)
        histories.append([ask(game).status_code for _ in range(30)])

    assert histories[0] == histories[1] != histories[2]


def test_the_first_fault_that_matches_is_used_and_the_next_one_waits(game):
    spoil(game, "status", status=502)
    spoil(game, "status", status=504)

    assert [ask(game).status_code for _ in range(3)] == [502, 504, 200]


def test_a_request_over_the_rate_uses_up_no_fault(game):
    game.merge({"rate": "1/60", "faults": [{"fault": "status", "times": 2}]})

    assert [ask(game).status_code for _ in range(2)] == [503, 429]
    assert game.world()["faults"] == [{"fault": "status", "times": 1}]


def test_the_ledger_names_the_fault(game):
    spoil(game, "status", status=502, when="after")
    ask(game)

    entry = last_entry(game)

    assert (entry["fault"], entry["fault_when"], entry["status"]) == ("status", "after", 502)
    assert entry["granted"] is True
    assert entry["msg"] is None


def wait_for_requests(game: Simulator, count: int) -> None:
    wait_for(lambda: len(game.ledger()["requests"]) >= count, f"{count} requests in the ledger")
