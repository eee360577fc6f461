"""The control paths: reading the ledger and the world, and changing the world."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time

import pytest
import requests

from tests.simulator.asking import ANNA, BERT, REALM, SECONDS, ask, control_headers, read_feed, word


def get(simulator, path: str):
    return requests.get(simulator.url + path, headers=control_headers(), timeout=SECONDS).json()


def post(simulator, path: str, body) -> requests.Response:
    return requests.post(
        simulator.url + path, json=body, headers=control_headers(), timeout=SECONDS
    )


def test_a_world_can_be_posted(simulator):
    answer = post(
        simulator, "/_sim/world", {"players": {ANNA: {"realm": REALM}}, "codes": {"SNOW": {}}}
    )

    assert answer.status_code == 200
    assert word(simulator) == "SUCCESS"


def test_a_merge_keeps_what_it_does_not_name(simulator):
    simulator.merge(
        {"players": {ANNA: {"realm": 7, "level": 5}}, "codes": {"SNOW": {"cap": 3, "group": "g"}}}
    )

    simulator.merge({"players": {ANNA: {"level": 6}}, "codes": {"SNOW": {"cap": None}}})

    world = simulator.world()
    assert (world["players"][ANNA]["realm"], world["players"][ANNA]["level"]) == (7, 6)
    assert (world["codes"]["SNOW"]["cap"], world["codes"]["SNOW"]["group"]) == (None, "g")


def test_players_and_codes_can_be_removed(simulator):
    simulator.merge({"players": {ANNA: {}, BERT: {}}, "codes": {"SNOW": {}}})

    simulator.merge({"players": {ANNA: None}, "codes": {"SNOW": None}})

    assert word(simulator, player=ANNA) == "USER INFO ERROR"
    assert word(simulator, player=BERT) == "CDK NOT FOUND"


def test_the_world_can_be_read_and_posted_to_another_simulator(simulator, make_simulator):
    simulator.merge(
        {
            "codes": {"SNOW": {"min_vip": 3, "expires_at": 1e10}},
            "faults": [{"fault": "drop", "when": "after", "code": "ICE", "times": None}],
            "feed_faults": [{"fault": "empty", "times": 2}],
            "feed": ["SNOW 15.06.2026"],
            "options": {"etag": True},
            "rate": "5/6",
        }
    )
    world = get(simulator, "/_sim/world")
    for code in world["codes"].values():
        del code["issue"]

    other = make_simulator(players=0)
    assert post(other, "/_sim/world", world).status_code == 200

    assert other.world() == simulator.world()


def test_null_removes_all_faults_of_a_kind(simulator):
    simulator.merge({"faults": [{"fault": "drop", "times": None}]})
    simulator.merge({"feed_faults": [{"fault": "empty"}]})

    simulator.merge({"faults": None})

    assert simulator.world()["faults"] == []
    assert [fault["fault"] for fault in simulator.world()["feed_faults"]] == ["empty"]


@pytest.mark.parametrize(
    ("world", "field"),
    [
        ([], "body"),
        ({"colour": 1}, "colour"),
        ({"players": []}, "players"),
        ({"players": {ANNA: {"realm": "1042"}}}, f"players.{ANNA}.realm"),
        ({"players": {ANNA: {"height": 3}}}, f"players.{ANNA}.height"),
        ({"codes": {"SNOW": {"cap": -1}}}, "codes.SNOW.cap"),
        ({"codes": {"SNOW": {"cap": True}}}, "codes.SNOW.cap"),
        ({"codes": {"SNOW": {"expires_at": "tomorrow"}}}, "codes.SNOW.expires_at"),
        ({"codes": {"SNOW": {"expires_at": "2026-06-15T00:00:00"}}}, "codes.SNOW.expires_at"),
        ({"codes": {"SNOW": {"expires_at": 1e300}}}, "codes.SNOW.expires_at"),
        ({"codes": {"SNOW": {"issue": 2}}}, "codes.SNOW.issue"),
        ({"codes": {"SNOW": {"reissue": 1}}}, "codes.SNOW.reissue"),
        ({"feed": "SNOW"}, "feed"),
        ({"remove_from_feed": [1]}, "remove_from_feed[0]"),
        ({"options": {"latency": -1}}, "options.latency"),
        ({"options": {"speed": 1}}, "options.speed"),
        ({"rate": "30"}, "rate"),
        ({"rate": "0/60"}, "rate"),
        ({"faults": [{"fault": "drop"}, {"fault": "explode"}]}, "faults[1].fault"),
        ({"faults": [{"fault": "drop", "status": 500}]}, "faults[0].status"),
        ({"faults": [{"fault": "drop", "when": "later"}]}, "faults[0].when"),
        ({"faults": [{"fault": "drop", "times": 0}]}, "faults[0].times"),
        ({"faults": [{"fault": "drop", "probability": 2}]}, "faults[0].probability"),
        ({"faults": [{"fault": "empty"}]}, "faults[0].fault"),
        ({"faults": [{"fault": "429", "headers": {"X": "a\r\nb"}}]}, "faults[0].headers.X"),
        ({"feed_faults": [{"fault": "msg"}]}, "feed_faults[0].fault"),
        ({"feed_faults": [{"fault": "drop", "player": ANNA}]}, "feed_faults[0].player"),
    ],
)
def test_a_bad_world_is_refused_with_the_name_of_the_field(simulator, world, field):
    answer = post(simulator, "/_sim/world", world)

    assert answer.status_code == 400
    assert answer.json()["error"].startswith(f"{field}:")


def test_a_bad_world_changes_nothing(simulator):
    before = simulator.world()

    post(simulator, "/_sim/world", {"players": {ANNA: {}}, "codes": {"SNOW": {"cap": "x"}}})

    assert simulator.world() == before


def test_a_body_that_is_not_json_is_refused(simulator):
    headers = {**control_headers(), "Content-Type": "application/json"}
    answer = requests.post(
        simulator.url + "/_sim/world", data=b"{", headers=headers, timeout=SECONDS
    )

    assert (answer.status_code, answer.json()["error"][:5]) == (400, "body:")


def test_the_ledger_has_every_request(simulator):
    simulator.merge({"players": {ANNA: {"realm": REALM}}, "codes": {"SNOW": {}}})
    before = time.time()
    ask(simulator)

    (entry,) = get(simulator, "/_sim/ledger")["requests"]

    assert before <= entry.pop("at") <= entry.pop("answered_at") <= time.time()
    assert before <= entry.pop("window_opened_at")
    assert entry == {
        "n": 1,
        "player": ANNA,
        "realm": str(REALM),
        "code": "SNOW",
        "window_number": 1,
        "status": 200,
        "msg": "SUCCESS",
        "err_code": 20000,
        "fault": None,
        "fault_when": None,
        "granted": True,
        "address": "127.0.0.1",
    }


def test_the_ledger_has_every_grant(simulator):
    simulator.merge({"players": {ANNA: {"realm": REALM}}, "codes": {"SNOW": {}}})
    ask(simulator)

    (grant,) = get(simulator, "/_sim/ledger")["grants"]

    assert grant.pop("at") <= time.time()
    assert grant == {"n": 1, "player": ANNA, "code": "SNOW", "issue": 1}


def test_the_ledger_keeps_messages_without_their_full_stop(simulator):
    for _ in range(10):
        ask(simulator)

    assert {entry["msg"] for entry in simulator.ledger()["requests"]} == {"USER INFO ERROR"}


def test_the_ledger_can_be_read_from_a_given_request_on(simulator):
    simulator.merge(
        {"players": {ANNA: {"realm": REALM}, BERT: {"realm": REALM}}, "codes": {"SNOW": {}}}
    )
    for player in (ANNA, BERT):
        ask(simulator, player)

    later = get(simulator, "/_sim/ledger?since=1")

    assert [entry["n"] for entry in later["requests"]] == [2]
    assert [grant["player"] for grant in later["grants"]] == [BERT]


def test_a_ledger_request_whose_since_is_not_a_number_is_refused(simulator):
    answer = requests.get(
        simulator.url + "/_sim/ledger?since=yesterday", headers=control_headers(), timeout=SECONDS
    )

    assert (answer.status_code, answer.json()["error"][:6]) == (400, "since:")


def test_a_reset_restores_the_initial_world(simulator):
    fresh = simulator.world()
    simulator.merge({"codes": {"SNOW": {}}, "feed": ["X"], "players": {ANNA: {}}, "rate": "1/2"})
    simulator.merge({"faults": [{"fault": "drop", "nth": 9}], "options": {"etag": True}})
    ask(simulator)

    assert post(simulator, "/_sim/reset", {}).status_code == 200

    assert simulator.world() == fresh
    assert simulator.ledger() == {
        "requests": [],
        "grants": [],
        "violations": [],
        "feed": [],
        "config": [],
    }


def test_the_players_of_a_seed_are_always_the_same(make_simulator):
    first, second, other = (make_simulator(seed=seed, players=30) for seed in (7, 7, 8))

    assert (
        get(first, "/_sim/players") == get(second, "/_sim/players") != get(other, "/_sim/players")
    )


def test_players_look_like_those_of_the_game(make_simulator):
    players = get(make_simulator(players=200), "/_sim/players")["players"]

    assert len(players) == 200
    assert all(len(player_id) == 9 and player_id.isdecimal() for player_id in players)
    assert len({player["name"] for player in players.values()}) == 200


def test_most_players_but_not_all_live_in_the_home_realm(make_simulator):
    realms = [
        player["realm"]
        for player in get(make_simulator(players=40), "/_sim/players")["players"].values()
    ]

    assert 1 <= len(realms) - realms.count(REALM) <= 5


def test_an_unknown_control_path_is_not_found(simulator):
    assert get(simulator, "/_sim/nothing") == {"error": "There is no GET /_sim/nothing here."}


def test_a_request_that_is_not_http_is_refused(simulator):
    host, _, port = simulator.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=SECONDS) as connection:
        connection.sendall(b"good morning\r\n\r\n")

        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")


def test_a_connection_carries_many_requests(simulator):
    connection = http.client.HTTPConnection(simulator.url.removeprefix("http://"), timeout=SECONDS)
    with contextlib.closing(connection):
        connection.connect()
        connection.auto_open = 0
        for _ in range(3):
            connection.request("GET", "/feed")
            assert json.load(connection.getresponse()) == {"codes": []}


def test_the_simulator_can_be_stopped_and_started_on_the_same_port(simulator):
    url = simulator.url
    simulator.stop()
    with pytest.raises(requests.ConnectionError):
        read_feed(simulator)

    simulator.start()

    assert simulator.url == url
    assert read_feed(simulator).status_code == 200


def test_slow_answers_do_not_delay_the_stop_of_the_simulator(simulator):
    simulator.merge(
        {"faults": [{"fault": "drip", "seconds": 0.05}, {"fault": "delay", "seconds": 2 * SECONDS}]}
    )
    with ask(simulator, stream=True), pytest.raises(requests.ReadTimeout):
        ask(simulator, timeout=0.1)

    started = time.monotonic()
    simulator.stop()

    assert time.monotonic() - started < SECONDS


def test_latency_slows_each_answer_down(simulator):
    simulator.merge({"options": {"latency": 0.2}})

    started = time.monotonic()
    ask(simulator)

    assert time.monotonic() - started >= 0.2
