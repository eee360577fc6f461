"""The game's answers: each row of the protocol's table, and the known order of the checks."""

from __future__ import annotations

import pytest
import requests

from simulator import Simulator
from simulator.game import ERR_CODES
from tests.simulator.asking import ANNA, BERT, REALM, SECONDS, ask, form, grants, signed, word
from tests.simulator.fixtures import Clock

HOUR = 3600.0


@pytest.fixture
def game(make_simulator, clock) -> Simulator:
    """Anna and Bert, and the code SNOW without any condition."""
    simulator = make_simulator(clock=clock)
    simulator.merge(
        {"players": {ANNA: {"realm": REALM}, BERT: {"realm": REALM}}, "codes": {"SNOW": {}}}
    )
    return simulator


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_good_request_redeems_the_code(game):
    answer = ask(game)

    assert answer.status_code == 200
    assert answer.json() == {"code": 0, "data": [], "msg": "SUCCESS", "err_code": 20000}
    assert grants(game) == [(ANNA, "SNOW", 1)]


def test_the_second_request_is_answered_with_received(game):
    ask(game)

    assert word(game) == "RECEIVED"
    assert len(grants(game)) == 1


def test_an_error_has_the_number_1_in_its_field_code(game):
    ask(game)

    assert ask(game).json()["code"] == 1


@pytest.mark.parametrize("missing", ["fid", "cdk", "kid", "time", "sign"])
def test_a_missing_field_is_a_params_error(game, missing):
    fields = form()
    del fields[missing]

    answer = requests.post(game.api_url, data=fields, timeout=SECONDS)

    assert answer.json()["msg"].removesuffix(".") == "params error"
    assert grants(game) == []


def test_json_instead_of_a_form_is_a_params_error(game):
    answer = requests.post(game.api_url, json=form(), timeout=SECONDS)

    assert answer.json()["msg"].removesuffix(".") == "params error"


def test_a_signature_with_another_salt_is_refused(game):
    fields = signed({"fid": ANNA, "cdk": "SNOW", "kid": str(REALM), "time": "1"}, salt="another")

    answer = requests.post(game.api_url, data=fields, timeout=SECONDS)

    assert answer.json()["msg"].removesuffix(".") == "Sign Error"
    assert grants(game) == []


def test_a_signature_in_upper_case_is_refused(game):
    fields = form()
    fields["sign"] = fields["sign"].upper()

    answer = requests.post(game.api_url, data=fields, timeout=SECONDS)

    assert answer.json()["msg"].removesuffix(".") == "Sign Error"


def test_the_signature_is_made_of_raw_values(game):
    game.merge({"codes": {"A B&C=é+%": {}}})

    assert word(game, code="A B&C=é+%") == "SUCCESS"


def test_an_unknown_player_is_a_user_info_error(game):
    assert word(game, player="999999999") == "USER INFO ERROR"


def test_the_answer_about_an_unknown_player_can_have_the_older_wording(game):
    game.merge({"options": {"old_wording": True}})

    assert word(game, player="999999999") == "role not exist"


def test_a_wrong_realm_is_a_user_info_error(game):
    assert word(game, realm=REALM + 1) == "USER INFO ERROR"
    assert grants(game) == []


def test_the_player_is_checked_before_the_code(game):
    assert word(game, realm=REALM + 1, code="NOSUCHCODE") == "USER INFO ERROR"


def test_an_unknown_code_is_not_found(game):
    assert word(game, code="NOSUCHCODE") == "CDK NOT FOUND"


def test_the_same_letters_in_another_case_are_another_code(game):
    assert word(game, code="Snow") == "CDK NOT FOUND"


def test_a_code_that_does_not_work_yet_is_not_found(game, clock):
    game.merge({"codes": {"SNOW": {"works_from": clock.now + HOUR}}})

    assert word(game) == "CDK NOT FOUND"
    clock.travel(HOUR)
    assert word(game) == "SUCCESS"


def test_an_expired_code_is_a_time_error(game, clock):
    game.merge({"codes": {"SNOW": {"expires_at": clock.now + HOUR}}})

    assert word(game) == "SUCCESS"
    clock.travel(HOUR)
    assert word(game, player=BERT) == "TIME ERROR"


def test_an_expiry_can_be_written_as_a_date(game):
    game.merge({"codes": {"SNOW": {"expires_at": "2026-06-01T00:00:00+00:00"}}})

    assert word(game) == "TIME ERROR"


def test_a_request_for_a_code_at_its_cap_is_answered_with_used(game):
    game.merge({"codes": {"SNOW": {"cap": 1}}})

    assert word(game) == "SUCCESS"
    assert word(game, player=BERT) == "USED"


def test_a_player_gets_one_code_of_a_group(game):
    game.merge({"codes": {"SNOW": {"group": "winter"}, "ICE": {"group": "winter"}}})

    assert word(game, code="SNOW") == "SUCCESS"
    assert word(game, code="ICE") == "SAME TYPE EXCHANGE"
    assert word(game, code="SNOW") == "RECEIVED"
    assert word(game, player=BERT, code="ICE") == "SUCCESS"


@pytest.mark.parametrize(
    ("condition", "has", "msg"),
    [
        ("min_level", {"level": 9}, "STOVE_LV ERROR"),
        ("min_spend", {"spend": 9}, "RECHARGE_MONEY ERROR"),
        ("min_vip", {"vip": 9}, "RECHARGE_MONEY_VIP ERROR"),
    ],
)
def test_a_player_must_meet_the_conditions(game, condition, has, msg):
    game.merge({"players": {ANNA: has}, "codes": {"SNOW": {condition: 10}}})

    assert word(game) == msg
    game.merge({"codes": {"SNOW": {condition: 9}}})
    assert word(game) == "SUCCESS"


def test_whether_the_player_has_the_code_can_be_checked_before_the_expiry(game, clock):
    ask(game)
    clock.travel(HOUR)
    game.merge({"codes": {"SNOW": {"expires_at": clock.now}}})

    assert word(game) == "TIME ERROR"
    game.merge({"options": {"received_first": True}})
    assert word(game) == "RECEIVED"


def test_old_grants_do_not_count_after_a_reissue(game):
    ask(game)

    game.merge({"codes": {"SNOW": {"reissue": True}}})

    assert word(game) == "SUCCESS"
    assert word(game) == "RECEIVED"
    assert grants(game) == [(ANNA, "SNOW", 1), (ANNA, "SNOW", 2)]


def test_a_reissue_starts_the_cap_again(game):
    game.merge({"codes": {"SNOW": {"cap": 1}}})
    ask(game)

    game.merge({"codes": {"SNOW": {"reissue": True}}})

    assert word(game, player=BERT) == "SUCCESS"


def test_some_errors_end_with_a_full_stop(game):
    stops = {ask(game, code="NOSUCHCODE").json()["msg"].endswith(".") for _ in range(30)}

    assert stops == {True, False}


def test_an_error_always_has_its_number(game):
    numbers = {ask(game, code="NOSUCHCODE").json()["err_code"] for _ in range(80)}

    assert numbers == {40014}


@pytest.mark.parametrize("msg", sorted(ERR_CODES))
def test_each_answer_can_be_scripted_in_its_own_words_and_in_unknown_ones(game, msg):
    number = ERR_CODES[msg]
    for words in (msg, "WORDS NOT KNOWN"):
        game.merge({"faults": [{"fault": "msg", "msg": words, "err_code": number}]})

        answers = ask(game).json()

        assert (answers["msg"].removesuffix("."), answers["err_code"]) == (words, number)


def test_a_young_account_does_not_get_a_code_for_older_accounts(game):
    game.merge({"players": {ANNA: {"age": 3}}, "codes": {"SNOW": {"min_age": 30}}})

    assert ask(game).json()["err_code"] == 40012
    assert word(game, player=BERT) == "SUCCESS"


def test_variations_are_the_same_for_the_same_seed(make_simulator):
    first, second, other = (make_simulator(seed=seed) for seed in (7, 7, 8))

    answers = [[ask(simulator).text for _ in range(20)] for simulator in (first, second, other)]

    assert answers[0] == answers[1] != answers[2]


def test_variations_can_be_switched_off(game):
    game.merge({"options": {"vary": False}})

    answers = {
        (answer["msg"], answer["err_code"])
        for answer in (ask(game, code="NO").json() for _ in range(20))
    }

    assert answers == {("CDK NOT FOUND", 40014)}


@pytest.mark.parametrize("path", ["/api/player", "/api/captcha"])
def test_the_old_endpoints_do_not_exist(game, path):
    assert requests.post(game.url + path, data=form(), timeout=SECONDS).status_code == 404
    assert game.ledger()["violations"][0]["path"] == path


def test_the_endpoint_takes_nothing_but_post(game):
    assert requests.get(game.api_url, params=form(), timeout=SECONDS).status_code == 405
    assert grants(game) == []
