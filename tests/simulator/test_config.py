"""`POST /api/gift_code_config`: the health check, with its own window and list in the ledger."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import requests

from tests.simulator.asking import SECONDS, ask, read_feed
from tests.simulator.fixtures import SALT


def ask_config(simulator: Any, *, salt: str = SALT) -> requests.Response:
    sign = hashlib.md5(f"time=1781524800{salt}".encode()).hexdigest()
    fields = {"time": "1781524800", "sign": sign}
    return requests.post(f"{simulator.api_url}_config", data=fields, timeout=SECONDS)


def test_the_health_check_answers_and_is_not_a_redeem_request(simulator):
    assert ask_config(simulator).status_code == 200

    ledger = simulator.ledger()
    assert ledger["requests"] == []
    assert [(call["n"], call["fields"], call["status"]) for call in ledger["config"]] == [
        (1, ["sign", "time"], 200)
    ]


@pytest.mark.parametrize(("checks", "msg"), [(False, "SUCCESS"), (True, "Sign Error")])
def test_the_health_check_refuses_a_wrong_signature_only_if_an_option_says_so(
    simulator, checks, msg
):
    simulator.merge({"options": {"config_checks_sign": checks}})

    assert ask_config(simulator, salt="wrong").json()["msg"] == msg


def test_the_health_check_has_a_window_of_its_own(make_simulator):
    simulator = make_simulator(rate="1/60")

    assert [ask_config(simulator).status_code for _ in range(2)] == [200, 429]
    assert ask(simulator).status_code == 200


def test_the_health_check_can_be_down(simulator):
    simulator.merge({"options": {"config_status": 503}})

    assert ask_config(simulator).status_code == 503


def test_a_get_is_refused(simulator):
    assert requests.get(f"{simulator.api_url}_config", timeout=SECONDS).status_code == 405


def test_the_feed_can_have_the_format_with_the_end_of_each_code(simulator):
    end = {"expires_at": "2026-08-01T12:00:00Z"}
    simulator.merge({"options": {"feed_format": "kingshot.net"}, "codes": {"SNOW": end}})
    simulator.merge({"feed": ["SNOW 15.06.2026", "ICE 16.06.2026", {"code": "ODD"}]})

    assert read_feed(simulator).json() == {
        "status": "success",
        "data": {
            "giftCodes": [
                {
                    "code": "SNOW",
                    "createdAt": "2026-06-15T00:00:00.000Z",
                    "expiresAt": "2026-08-01T12:00:00.000Z",
                },
                {"code": "ICE", "createdAt": "2026-06-16T00:00:00.000Z", "expiresAt": None},
                {"code": "ODD"},
            ]
        },
    }


def test_the_format_with_the_end_of_each_code_lists_malformed_lines_as_they_are(simulator):
    simulator.merge({"options": {"feed_format": "kingshot.net"}})
    lines = ["SNOW 31.02.2026", "TWO  SPACES 1.1.26", None, 5]

    simulator.merge({"feed": lines})

    assert read_feed(simulator).json()["data"]["giftCodes"] == lines


def test_other_feeds_leave_out_or_keep_malformed_lines_and_still_answer(simulator):
    odd = {"code": "ODD", "createdAt": "<soon>"}
    simulator.merge({"feed": ["SNOW 31.02.2026", "ICE 16.06.2026", odd]})

    listed = requests.get(simulator.other_feed_url("json"), timeout=SECONDS).json()
    rss = requests.get(simulator.other_feed_url("rss"), timeout=SECONDS)

    assert [one["gift"] for one in listed["game"]["gifts"]] == ["ICE", "ODD"]
    assert "<pubDate>Tue, 16 Jun 2026 00:00:00 +0000</pubDate>" in rss.text
    assert "<pubDate>&lt;soon&gt;</pubDate>" in rss.text
