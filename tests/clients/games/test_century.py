"""Signing, and the translation of the game's answers, without a network."""

from __future__ import annotations

import hashlib
import json

import pytest

from giftcodes.clients.games.century import signature, translate
from giftcodes.domain.outcomes import Outcome

#: The rows of docs/reference/protocol.md, section 1, with a known message.
ROWS = [
    ("SUCCESS", 0, 20000, Outcome.SUCCESS),
    ("RECEIVED", 1, 40008, Outcome.RECEIVED),
    ("SAME TYPE EXCHANGE", 1, 40011, Outcome.SAME_TYPE),
    ("CDK NOT FOUND", 1, 40014, Outcome.CODE_NOT_FOUND),
    ("TIME ERROR", 1, 40007, Outcome.CODE_EXPIRED),
    ("USED", 1, 40005, Outcome.CLAIM_LIMIT),
    ("USER INFO ERROR", 1, 40020, Outcome.WRONG_REALM),
    ("role not exist", 1, 40001, Outcome.NO_SUCH_PLAYER),
    ("STOVE_LV ERROR", 1, 40006, Outcome.LEVEL_TOO_LOW),
    ("RECHARGE_MONEY ERROR", 1, 40017, Outcome.SPEND_TOO_LOW),
    ("RECHARGE_MONEY_VIP ERROR", 1, 40018, Outcome.VIP_TOO_LOW),
    ("TIMEOUT RETRY", 1, 40004, Outcome.TIMEOUT_RETRY),
    ("TOO FREQUENT", 1, 40019, Outcome.TOO_FREQUENT),
    ("NOT LOGIN", 1, 40009, Outcome.NOT_LOGIN),
    ("Sign Error", 1, 0, Outcome.SIGN_ERROR),
    ("params error", 1, "", Outcome.PARAMS_ERROR),
]


def read(**answer: object) -> Outcome:
    return translate(json.dumps(answer).encode()).outcome


@pytest.mark.parametrize(("msg", "code", "err_code", "outcome"), ROWS)
def test_each_row_of_the_protocol_has_its_outcome(
    msg: str, code: int, err_code: object, outcome: Outcome
) -> None:
    for spelling in (msg, f"{msg}.", f"  {msg.swapcase()}. ", msg.replace(" ", "  ")):
        for number in (err_code, str(err_code), "", 0):
            assert read(code=code, data=[], msg=spelling, err_code=number) is outcome, (
                spelling,
                number,
            )


@pytest.mark.parametrize(("msg", "code", "err_code", "outcome"), ROWS[:-2])
@pytest.mark.parametrize("blank", [{}, {"msg": ""}, {"msg": " "}, {"msg": None}])
def test_where_the_message_is_missing_the_number_decides(
    msg: str, code: int, err_code: int, outcome: Outcome, blank: dict[str, object]
) -> None:
    assert read(code=code, err_code=err_code, **blank) is outcome


#: Numbers without a known message.
NUMBERS = [
    (40010, Outcome.LEVEL_OR_SPEND_TOO_LOW),
    (40012, Outcome.ACCOUNT_TOO_YOUNG),
    (40015, Outcome.CODE_ERROR),
    (40016, Outcome.SERVER_BUSY),
    (40100, Outcome.CAPTCHA),
    (40101, Outcome.CAPTCHA),
    (40102, Outcome.CAPTCHA),
    (40103, Outcome.CAPTCHA),
]


@pytest.mark.parametrize(
    ("err_code", "outcome"),
    [*NUMBERS, *((number, outcome) for _, code, number, outcome in ROWS[:-2] if code)],
)
@pytest.mark.parametrize("msg", ["SOMETHING NEW.", "验证码错误", "40012", "", None])
def test_a_known_number_with_unknown_words_decides(
    err_code: object, outcome: Outcome, msg: object
) -> None:
    assert read(code=1, data=[], msg=msg, err_code=err_code) is outcome
    assert read(code=1, data=[], msg=msg, err_code=str(err_code)) is outcome


def test_a_success_in_other_words_is_believed_if_every_field_says_so() -> None:
    assert read(code=0, msg="Done!", err_code=20000) is Outcome.SUCCESS
    assert read(code=1, msg="Done!", err_code=20000) is Outcome.UNRECOGNISED
    assert read(msg="Done!", err_code=20000) is Outcome.UNRECOGNISED


@pytest.mark.parametrize(
    "err_code", [0, "", None, 40002, 40003, 49999, "x", [40008], {"a": 1}, True]
)
def test_unknown_words_without_a_known_number_are_unrecognised(err_code: object) -> None:
    assert read(code=1, msg="SOMETHING NEW.", err_code=err_code) is Outcome.UNRECOGNISED


@pytest.mark.parametrize("err_code", [49999, 40002, 0, "", None])
def test_a_known_message_with_an_unknown_or_missing_number_decides(err_code: object) -> None:
    assert read(code=1, msg="RECEIVED.", err_code=err_code) is Outcome.RECEIVED
    assert read(code=0, msg="SUCCESS", err_code=err_code) is Outcome.SUCCESS


@pytest.mark.parametrize(("msg", "code", "err_code", "outcome"), ROWS)
def test_where_message_and_number_are_known_and_differ_the_answer_is_unclear(
    msg: str, code: int, err_code: object, outcome: Outcome
) -> None:
    for _, _, number, meant in ROWS[:-2]:
        if meant is not outcome:
            assert read(code=code, data=[], msg=msg, err_code=number) is Outcome.UNRECOGNISED, (
                msg,
                number,
            )
    for number, _ in NUMBERS:
        assert read(code=code, data=[], msg=msg, err_code=number) is Outcome.UNRECOGNISED, (
            msg,
            number,
        )


@pytest.mark.parametrize(
    "answer",
    [
        {"code": 1, "msg": "SUCCESS", "err_code": 20000},
        {"msg": "SUCCESS", "err_code": 20000},
        {"code": False, "msg": "SUCCESS", "err_code": 20000},
        {"code": 0, "msg": "SUCCESS", "err_code": 40014},
        {"code": 1, "err_code": 20000},
    ],
)
def test_a_success_that_contradicts_itself_is_not_believed(answer: dict[str, object]) -> None:
    assert read(**answer) is Outcome.UNRECOGNISED


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>maintenance</html>",
        b'{"code": 0, "msg": "SUCC',
        b"[]",
        b'"SUCCESS"',
        b"null",
        b"NaN",
        b"{}",
        b'{"message": "Forbidden"}',
        b'{"code": 1, "msg": {"text": "RECEIVED"}, "err_code": 40008}',
        b'{"code": 1, "err_code": 40099}',
        b"\xff\xfe\xfa",
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"err_code": ' + b"9" * 5000 + b"}",
    ],
)
def test_any_other_body_than_the_games_json_is_unreadable(body: bytes) -> None:
    assert translate(body).outcome is Outcome.UNREADABLE


def test_numbers_are_kept_as_the_game_wrote_them() -> None:
    assert translate(b'{"msg": "RECEIVED.", "err_code": 40008}').err_code == "40008"
    assert translate(b'{"msg": "RECEIVED.", "err_code": 40008.0}').err_code == "40008"
    assert translate(b'{"msg": "RECEIVED.", "err_code": [1]}').err_code == ""
    assert translate(b'{"msg": "RECEIVED.", "err_code": 1e999}').outcome is Outcome.RECEIVED


def test_the_signature_is_the_md5_of_the_sorted_fields_and_the_salt() -> None:
    fields = {"time": "1700000000", "fid": "12345678", "cdk": "Frost&=2026", "kid": "245"}
    text = "cdk=Frost&=2026&fid=12345678&kid=245&time=1700000000" + "salz"
    assert signature(fields, "salz") == hashlib.md5(text.encode()).hexdigest()
    assert signature(fields, "salz") == "65aa548815ccad4e20a8b48484e39bbf"
