"""The feed: its list, its key, its faults, and that it is read-only."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import requests

from tests.simulator.asking import SECONDS, ask, drips, read_feed
from tests.simulator.fixtures import Clock


def test_the_feed_lists_codes_with_the_day_they_were_published(simulator):
    simulator.merge({"feed": ["SNOW 15.06.2026", "ice 16.06.2026"]})

    answer = read_feed(simulator)

    assert answer.status_code == 200
    assert answer.json() == {"codes": ["SNOW 15.06.2026", "ice 16.06.2026"]}


@pytest.mark.parametrize("simulator", [{"feed_key": "secret"}], indirect=True)
def test_a_wrong_key_is_refused(simulator):
    assert read_feed(simulator, key="secret").status_code == 200

    answer = read_feed(simulator, key="guess")

    assert answer.status_code == 401
    assert set(answer.json()) == {"error"}


@pytest.mark.parametrize("simulator", [{"feed_key": "secret"}], indirect=True)
def test_a_missing_key_is_refused_too(simulator):
    assert requests.get(simulator.feed_url, timeout=SECONDS).status_code == 401


def test_malformed_lines_are_listed_as_they_are(simulator):
    lines = ["", "NODATE", "TWO  SPACES 1.1.26", "<b>X</b> 01.01.2026", None, 5]

    simulator.merge({"feed": lines})

    assert read_feed(simulator).json() == {"codes": lines}


def test_a_code_can_vanish_and_come_back(simulator):
    simulator.merge({"feed": ["SNOW 15.06.2026", "ICE 16.06.2026"]})

    simulator.merge({"remove_from_feed": ["SNOW"]})
    assert read_feed(simulator).json() == {"codes": ["ICE 16.06.2026"]}
    simulator.merge({"feed": ["SNOW 15.06.2026"]})
    assert read_feed(simulator).json() == {"codes": ["ICE 16.06.2026", "SNOW 15.06.2026"]}


def test_the_feed_can_list_a_code_that_the_game_does_not_know(simulator):
    simulator.merge({"players": {"100000001": {"realm": 1042}}, "feed": ["SNOW 15.06.2026"]})

    assert ask(simulator).json()["msg"].removesuffix(".") == "CDK NOT FOUND"


def test_publishing_puts_a_code_into_game_and_feed(simulator):
    simulator.publish("SNOW", min_level=3)

    assert simulator.world()["codes"]["SNOW"]["min_level"] == 3
    assert read_feed(simulator).json() == {"codes": [f"SNOW {datetime.now(UTC):%d.%m.%Y}"]}


@pytest.mark.parametrize(("code", "exists"), [("SNOW", True), ("snow", False), ("SNO", False)])
def test_a_code_can_be_checked(simulator, code, exists):
    simulator.merge({"feed": ["SNOW 15.06.2026"]})

    answer = read_feed(simulator, params={"action": "check", "giftcode": code})

    assert answer.json() == {"exists": exists}


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
def test_writing_to_the_feed_is_refused_and_recorded(simulator, method):
    simulator.merge({"feed": ["SNOW 15.06.2026"]})

    answer = requests.request(method, simulator.feed_url, json={"code": "SNOW"}, timeout=SECONDS)

    assert answer.status_code == 405
    assert [(v["kind"], v["method"]) for v in simulator.ledger()["violations"]] == [
        ("feed written to", method)
    ]
    assert read_feed(simulator).json() == {"codes": ["SNOW 15.06.2026"]}


def test_calls_are_in_the_ledger(simulator):
    simulator.merge({"feed_faults": [{"fault": "status", "nth": 2}]})
    for _ in range(2):
        read_feed(simulator)

    calls = simulator.ledger()["feed"]

    assert [(call["n"], call["status"], call["fault"]) for call in calls] == [
        (1, 200, None),
        (2, 503, "status"),
    ]


def test_calls_under_way_together_have_numbers_of_their_own(simulator):
    simulator.merge({"feed_faults": [{"fault": "delay", "seconds": 0.2, "times": 3}]})

    with ThreadPoolExecutor() as pool:
        for _ in range(3):
            pool.submit(read_feed, simulator)

    assert [call["n"] for call in simulator.ledger()["feed"]] == [1, 2, 3]


def test_reading_the_feed_does_not_count_in_the_window_of_the_game(make_simulator):
    simulator = make_simulator(rate="1/60")
    read_feed(simulator)

    assert ask(simulator).status_code == 200


@pytest.mark.parametrize(
    ("fault", "status", "start"),
    [
        ({"fault": "empty"}, 200, '{"codes": []}'),
        ({"fault": "detail"}, 200, '{"detail":'),
        ({"fault": "error"}, 200, '{"error":'),
        ({"fault": "json", "body": {"codes": "none"}}, 200, '{"codes": "none"}'),
        ({"fault": "html"}, 200, "<html>"),
        ({"fault": "status", "status": 502}, 502, "<html>"),
        ({"fault": "truncated"}, 200, '{"codes": ["S'),
        ({"fault": "redirect"}, 302, ""),
    ],
)
def test_the_feed_can_fail_with_an_answer(simulator, fault, status, start):
    simulator.merge({"feed": ["SNOW 15.06.2026"], "feed_faults": [fault]})

    answer = read_feed(simulator)

    assert answer.status_code == status
    assert answer.text.startswith(start)
    assert read_feed(simulator).json() == {"codes": ["SNOW 15.06.2026"]}


def test_the_feed_can_say_429(simulator):
    simulator.merge({"feed_faults": [{"fault": "429"}]})

    assert [read_feed(simulator).status_code for _ in range(2)] == [429, 200]


def test_the_feed_can_send_ten_megabytes_of_junk(simulator):
    simulator.merge({"feed_faults": [{"fault": "huge"}]})

    assert len(read_feed(simulator).content) == 10_000_000


@pytest.mark.parametrize("kind", ["drop", "reset"])
def test_the_feed_can_hang_up(simulator, kind):
    simulator.merge({"feed_faults": [{"fault": kind}]})

    with pytest.raises(requests.ConnectionError):
        read_feed(simulator)


def test_the_feed_can_be_slow(simulator):
    simulator.merge(
        {"feed": ["SNOW 15.06.2026"], "feed_faults": [{"fault": "delay", "seconds": 0.3}]}
    )

    started = time.monotonic()
    answer = read_feed(simulator)

    assert time.monotonic() - started >= 0.3
    assert answer.json() == {"codes": ["SNOW 15.06.2026"]}


def test_the_feed_can_drip(simulator):
    simulator.merge({"feed_faults": [{"fault": "drip", "seconds": 0.02}]})

    assert drips(simulator, "GET /feed").endswith(b"\r\n\r\n" + b" " * 5)


def test_without_the_option_the_feed_has_no_etag(simulator):
    assert "ETag" not in read_feed(simulator).headers


def test_an_etag_saves_sending_the_same_list_again(simulator):
    simulator.merge({"options": {"etag": True}, "feed": ["SNOW 15.06.2026"]})
    headers = {"If-None-Match": read_feed(simulator).headers["ETag"]}

    unchanged = read_feed(simulator, headers=headers)
    simulator.merge({"feed": ["ICE 16.06.2026"]})
    changed = read_feed(simulator, headers=headers)

    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert (changed.status_code, len(changed.json()["codes"])) == (200, 2)


def test_a_date_saves_sending_the_same_list_again(make_simulator):
    clock = Clock()
    simulator = make_simulator(clock=clock)
    simulator.merge({"options": {"etag": True}, "feed": ["SNOW 15.06.2026"]})
    headers = {"If-Modified-Since": read_feed(simulator).headers["Last-Modified"]}

    unchanged = read_feed(simulator, headers=headers)
    clock.travel(1)
    simulator.merge({"feed": ["ICE 16.06.2026"]})

    assert unchanged.status_code == 304
    assert read_feed(simulator, headers=headers).status_code == 200
