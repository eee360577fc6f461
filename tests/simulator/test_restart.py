"""What the state file restores after a restart, and how codes are published."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from simulator import Simulator, StateFileError
from tests.simulator.asking import ANNA, BERT, REALM, SECONDS, ask, read_feed, word
from tests.simulator.fixtures import Clock
from tests.waiting import wait_for

WORLD = {
    "players": {ANNA: {"realm": REALM, "name": "Anna"}, BERT: {"realm": REALM}},
    "codes": {"SNOW": {"cap": 10}},
    "feed": ["SNOW 15.06.2026", "OLD 01.01.2026"],
    "options": {"etag": True},
}


@pytest.fixture
def restart(make_simulator, tmp_path):
    """Starts a simulator with the state file, and closes the one it started before."""
    made: list[Simulator] = []

    def restart(**settings) -> Simulator:
        if made:
            made[-1].close()
        made.append(make_simulator(state=tmp_path / "state.jsonl", **settings))
        return made[-1]

    return restart


def test_world_and_ledger_survive_a_restart(restart):
    simulator = restart()
    simulator.merge(WORLD)
    simulator.merge({"players": {BERT: None}, "remove_from_feed": ["OLD"]})
    ask(simulator)
    ask(simulator)
    read_feed(simulator)
    world, ledger = simulator.world(), simulator.ledger()

    simulator = restart()

    assert simulator.world() == world
    assert simulator.ledger() == ledger


def test_a_restart_grants_nothing_twice(restart):
    simulator = restart()
    simulator.merge(WORLD)
    ask(simulator)

    assert word(restart()) == "RECEIVED"


def test_a_restart_remembers_a_reissue(restart):
    simulator = restart()
    simulator.merge(WORLD)
    ask(simulator)
    simulator.merge({"codes": {"SNOW": {"reissue": True}}})

    simulator = restart()

    assert [word(simulator) for _ in range(2)] == ["SUCCESS", "RECEIVED"]
    assert [grant["issue"] for grant in simulator.ledger()["grants"]] == [1, 2]


def test_the_numbers_of_requests_go_on_after_a_restart(restart):
    ask(restart())

    simulator = restart()
    ask(simulator)

    assert [entry["n"] for entry in simulator.ledger()["requests"]] == [1, 2]


def test_a_restart_remembers_a_reset(restart):
    simulator = restart()
    simulator.merge(WORLD)
    ask(simulator)
    simulator.reset()
    world = simulator.world()

    simulator = restart()

    assert simulator.world() == world
    assert simulator.ledger()["requests"] == []


def test_a_request_that_outlives_a_reset_is_not_mixed_up_with_the_next_request(restart):
    simulator = restart()
    simulator.merge({"faults": [{"fault": "delay", "seconds": 0.4}]})
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(ask, simulator, BERT)
        while not simulator.ledger()["requests"]:
            time.sleep(0.01)
        simulator.reset()
        ask(simulator, ANNA)
        slow.result()
    ledger = simulator.ledger()

    assert restart().ledger() == ledger


def test_faults_and_rate_are_not_restored(restart):
    simulator = restart()
    simulator.merge({"faults": [{"fault": "drop"}], "rate": "1/60"})

    world = restart().world()

    assert (world["faults"], world["rate"]) == ([], "100000/60")


def test_a_request_under_way_at_a_kill_stays_open_in_the_ledger(restart, tmp_path):
    simulator = restart()
    ask(simulator)
    simulator.close()
    path = tmp_path / "state.jsonl"
    lines = path.read_text().splitlines()
    before = [line for line in lines if "answer" not in json.loads(line)]
    assert len(before) == len(lines) - 2, (
        "an answer is written before it leaves, and again when the exchange is over"
    )
    path.write_text("\n".join(before) + "\n")

    (entry,) = restart().ledger()["requests"]

    assert (entry["player"], entry["answered_at"], entry["status"]) == (ANNA, None, None)


def test_a_line_cut_by_a_kill_is_ignored(restart, tmp_path):
    simulator = restart()
    simulator.merge(WORLD)
    ask(simulator)
    simulator.close()
    with (tmp_path / "state.jsonl").open("a") as file:
        file.write('{"request": {"n": 2, "at"')

    simulator = restart()
    ask(simulator)

    assert [entry["n"] for entry in restart().ledger()["requests"]] == [1, 2]


def test_a_file_that_is_not_a_state_file_is_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("buy milk\nand bread\n")

    with pytest.raises(StateFileError, match="line 1"):
        Simulator(state=path)
    assert path.read_text() == "buy milk\nand bread\n"


def test_two_simulators_cannot_have_the_same_state_file(restart, tmp_path):
    restart()

    with pytest.raises(StateFileError, match="in use"):
        Simulator(state=tmp_path / "state.jsonl")


def published(simulator: Simulator, count: int) -> list[str]:
    """The codes of the feed, once it has `count` of them."""
    wait_for(
        lambda: len(simulator.world()["feed"]) >= count,
        f"{count} codes in the feed",
        seconds=SECONDS,
    )
    return [line.partition(" ")[0] for line in simulator.world()["feed"]]


def test_codes_are_published_now_and_then(make_simulator):
    started = time.monotonic()
    published(make_simulator(publish_every=0.3), 2)

    assert time.monotonic() - started >= 0.3


def test_the_first_code_is_published_at_once(make_simulator):
    published(make_simulator(publish_every=2 * SECONDS), 1)


def test_after_the_first_codes_one_is_published_a_day(restart):
    clock = Clock()
    often = {"publish_every": 0.001, "publish_first": 2, "clock": clock}
    published(restart(**often), 2)
    time.sleep(0.1)

    assert len(published(restart(**often), 2)) == 2

    clock.travel(86_401)
    assert len(published(restart(**often), 3)) == 3


def test_without_first_codes_one_is_published_a_day_from_the_beginning(restart):
    clock = Clock()
    daily = {"publish_every": 0.001, "publish_first": 0, "clock": clock}
    simulator = restart(**daily)
    published(simulator, 1)
    time.sleep(0.1)

    assert len(published(simulator, 1)) == 1

    clock.travel(86_401)
    assert len(published(restart(**daily), 2)) == 2


def test_no_code_is_published_without_the_option_publish_every(simulator):
    time.sleep(0.1)

    assert simulator.world()["feed"] == []


def test_published_codes_can_be_redeemed_by_most_players(make_simulator):
    simulator = make_simulator(publish_every=600, players=40)
    (code,) = published(simulator, 1)

    players = simulator.world()["players"]
    words = [
        word(simulator, player_id, code, player["realm"]) for player_id, player in players.items()
    ]

    assert set(words) == {"SUCCESS", "STOVE_LV ERROR"}
    assert 1 <= words.count("STOVE_LV ERROR") <= 10


def test_the_names_of_published_codes_are_well_formed_and_unique(make_simulator):
    names = published(make_simulator(publish_every=0.001), 200)

    assert len(set(names)) == len(names)
    assert all(name.isascii() and name.isalnum() and len(name) <= 32 for name in names)


def test_the_names_of_published_codes_are_unique_across_restarts_and_resets(restart):
    first = published(restart(publish_every=0.05), 2)
    simulator = restart(publish_every=0.05)
    simulator.reset()

    second = published(simulator, 2)

    assert set(first).isdisjoint(second)


def test_a_restart_does_not_publish_before_the_next_code_is_due(restart):
    published(restart(publish_every=600), 1)

    simulator = restart(publish_every=600)
    time.sleep(0.1)

    assert len(simulator.world()["feed"]) == 1
