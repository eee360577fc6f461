"""The window of an address, with its headers and 429s, and the gap between a player's requests."""

from __future__ import annotations

import pytest
import requests
from requests.adapters import HTTPAdapter

from simulator import Simulator
from tests.simulator.asking import ANNA, BERT, REALM, SECONDS, ask, form, grants, last_entry, word
from tests.simulator.fixtures import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def game(make_simulator, clock) -> Simulator:
    """A game with a limit of three requests in 60 s."""
    simulator = make_simulator(rate="3/60", clock=clock)
    simulator.merge(
        {"players": {ANNA: {"realm": REALM}, BERT: {"realm": REALM}}, "codes": {"SNOW": {}}}
    )
    return simulator


def test_the_window_counts_down_in_its_headers(game):
    headers = [ask(game).headers for _ in range(3)]

    assert [header["X-RateLimit-Limit"] for header in headers] == ["3", "3", "3"]
    assert [header["X-RateLimit-Remaining"] for header in headers] == ["2", "1", "0"]


def test_a_full_window_refuses_further_requests(game):
    assert [ask(game).status_code for _ in range(5)] == [200, 200, 200, 429, 429]


def test_a_refused_request_grants_nothing(game):
    for _ in range(3):
        ask(game, code="NO")

    assert ask(game).status_code == 429
    assert grants(game) == []


def test_the_window_opens_with_its_first_request(game, clock):
    clock.travel(1000.25)
    for _ in range(3):
        ask(game)
    clock.travel(59.5)
    assert ask(game).status_code == 429

    clock.travel(0.5)

    assert ask(game).headers["X-RateLimit-Remaining"] == "2"


def test_a_refusal_does_not_make_the_window_longer(game, clock):
    for _ in range(3):
        ask(game)
    clock.travel(59)
    ask(game)

    clock.travel(1)

    assert ask(game).status_code == 200


def test_each_address_has_a_window_of_its_own(game):
    for _ in range(4):
        ask(game)

    with requests.Session() as elsewhere:
        adapter = HTTPAdapter()
        adapter.init_poolmanager(1, 1, source_address=("127.0.0.2", 0))
        elsewhere.mount("http://", adapter)
        assert elsewhere.post(game.api_url, data=form(), timeout=SECONDS).status_code == 200


def test_a_refusal_has_no_rate_headers(game):
    answers = [ask(game) for _ in range(4)]

    assert not {
        name for name in answers[-1].headers if "rate" in name.lower() or name == "Retry-After"
    }


def test_a_refusal_has_one_of_two_shapes(game):
    refused = [ask(game) for _ in range(23)][3:]

    shapes = {(answer.headers["Content-Type"].partition(";")[0], answer.text) for answer in refused}

    assert shapes == {("text/html", ""), ("application/json", '{"message": "Too Many Attempts."}')}


def test_retry_after_can_be_switched_on(game, clock):
    game.merge({"options": {"retry_after": True}})
    for _ in range(3):
        ask(game)
    clock.travel(20.5)

    assert ask(game).headers["Retry-After"] == "40"


def test_a_reset_header_can_be_switched_on(game, clock):
    game.merge({"options": {"reset_header": True}})
    opened_at = clock.now
    for _ in range(3):
        ask(game)

    assert int(ask(game).headers["X-RateLimit-Reset"]) == opened_at + 60


def test_rate_headers_can_be_switched_off(game):
    game.merge({"options": {"rate_headers": False}})

    assert "X-RateLimit-Limit" not in ask(game).headers


def test_without_a_rate_nothing_is_refused_and_no_rate_header_is_sent(game):
    game.merge({"rate": "unlimited"})

    answers = [ask(game) for _ in range(10)]

    assert {answer.status_code for answer in answers} == {200}
    assert "X-RateLimit-Limit" not in answers[0].headers


def test_the_rate_can_be_changed(game):
    game.merge({"rate": "1/60"})

    assert [ask(game).status_code for _ in range(2)] == [200, 429]


def test_the_ledger_says_which_window_a_request_was_counted_in(game, clock):
    opened_at = clock.now
    for _ in range(4):
        ask(game)

    entry = last_entry(game)

    assert (entry["window_opened_at"], entry["window_number"], entry["status"]) == (
        opened_at,
        4,
        429,
    )


def test_too_frequent_requests_for_a_player_are_refused(game):
    game.merge({"options": {"player_gap": 2.0}})
    ask(game, code="NO")

    assert word(game) == "TOO FREQUENT"
    assert grants(game) == []


def test_another_player_is_not_slowed_down(game):
    game.merge({"options": {"player_gap": 2.0}})
    ask(game)

    assert word(game, player=BERT) == "SUCCESS"


def test_two_seconds_between_requests_for_a_player_are_enough(game, clock):
    game.merge({"options": {"player_gap": 2.0}})
    ask(game)
    clock.travel(2)

    assert word(game) == "RECEIVED"


def test_after_a_refusal_a_player_must_wait_four_seconds(game, clock):
    game.merge({"options": {"player_gap": 2.0}, "rate": "unlimited"})
    ask(game)
    assert word(game) == "TOO FREQUENT"

    clock.travel(3.9)
    assert word(game) == "TOO FREQUENT"
    clock.travel(4)
    assert word(game) == "RECEIVED"


def test_a_wrong_realm_does_not_slow_a_player_down(game):
    game.merge({"options": {"player_gap": 2.0}})
    ask(game, realm=REALM + 1)

    assert word(game) == "SUCCESS"
