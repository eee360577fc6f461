"""Scenarios in which the game answers incorrectly, late, or not at all."""

from __future__ import annotations

from functools import partial
from typing import Any

from chaos import times
from chaos.game import line
from chaos.round import Round
from chaos.scenario import SCENARIOS, Scenario, scenario

#: The name, the description and the faults of each scenario. With `when: after`, the game grants
#: the code before it fails.
_FAULTS: list[tuple[str, str, list[dict[str, Any]]]] = [
    (
        "effect-without-answer",
        "One request in twenty is granted, but its answer is lost.",
        [{"fault": "drop", "when": "after", "probability": 0.05, "times": None}],
    ),
    (
        "game-timeouts",
        "Six requests in a hundred are answered after our timeout: half are granted before it, and "
        "half after it.",
        [
            {
                "fault": "delay",
                "seconds": times.HTTP_SECONDS + 1,
                "when": "after",
                "probability": 0.03,
                "times": None,
            },
            {
                "fault": "delay",
                "seconds": times.HTTP_SECONDS + 1,
                "when": "before",
                "probability": 0.03,
                "times": None,
            },
        ],
    ),
    (
        "game-5xx-storm",
        "The game sends 24 server errors in a row, most of them after the grant.",
        [
            {"fault": "status", "status": 500, "when": "after", "times": 16},
            {"fault": "status", "status": 503, "times": 8},
        ],
    ),
    (
        "game-html",
        "A proxy answers with an HTML page and status 200, before or after the grant.",
        [
            {"fault": "html", "probability": 0.04, "times": None},
            {"fault": "html", "when": "after", "probability": 0.04, "times": None},
        ],
    ),
    (
        "game-broken-json",
        "The game's answers break off, have only half of the JSON, or are not text.",
        [
            {"fault": "truncated", "when": "after", "probability": 0.03, "times": None},
            {"fault": "cut", "when": "after", "probability": 0.03, "times": None},
            {"fault": "garbage", "probability": 0.03, "times": None},
        ],
    ),
    (
        "game-resets",
        "The game resets connections before or after the grant, or before it reads the request.",
        [
            {"fault": "reset", "probability": 0.03, "times": None},
            {"fault": "reset", "when": "after", "probability": 0.03, "times": None},
            {"fault": "reset", "when": "unseen", "probability": 0.03, "times": None},
        ],
    ),
    (
        "game-drips",
        "The game sends endless HTTP heads or bodies, byte by byte, and two answers of 10 MB.",
        [
            {"fault": "drip", "seconds": 0.2, "part": "head", "times": 4},
            {"fault": "drip", "seconds": 0.2, "part": "body", "when": "after", "times": 4},
            {"fault": "huge", "times": 2},
        ],
    ),
    (
        "game-429-storm",
        "The game answers sixteen requests with a 429, although our pace is right.",
        [
            {"fault": "429", "times": 8},
            {"fault": "429", "headers": {"Retry-After": "2"}, "times": 8},
        ],
    ),
    (
        "game-wrong-salt",
        "The game refuses our signature for a while.",
        [{"fault": "msg", "msg": "Sign Error", "times": 5}],
    ),
    (
        "game-hiccups",
        "One request in ten is answered with TIMEOUT RETRY, NOT LOGIN or TOO FREQUENT.",
        [
            {
                "fault": "msg",
                "msg": "TIMEOUT RETRY",
                "when": "after",
                "probability": 0.04,
                "times": None,
            },
            {"fault": "msg", "msg": "NOT LOGIN", "probability": 0.03, "times": None},
            {"fault": "msg", "msg": "TOO FREQUENT", "probability": 0.03, "times": None},
        ],
    ),
]


def _play(round_: Round, faults: list[dict[str, Any]]) -> None:
    """Script the faults before or during the run. They affect only requests for the new code."""
    code = round_.new_code(feed=False)
    is_early = all("probability" in fault for fault in faults) and round_.random.random() < 0.5
    scripted = [{**fault, "code": code} for fault in faults]
    round_.may_be_throttled = True
    # If the game fails, it is paused and probed at intervals, which takes time.
    round_.game_seconds = 60.0
    if is_early:
        round_.system.game.change(faults=scripted)
    round_.publish(code)
    if not is_early:
        round_.wait_for_progress(0.2)
        round_.system.game.change(faults=scripted)
    round_.record_fault()


for _name, _description, _faults in _FAULTS:
    SCENARIOS[_name] = Scenario(
        name=_name,
        description=_description,
        play=partial(_play, faults=_faults),
        rounds=1,
        members=240,
        fault_seconds=90,
    )


#: A code that gets unknown answers may cause at most this many requests in its first minute.
MOST_ODD_REQUESTS = 12


@scenario(
    "game-odd-code",
    "One of two new codes gets only unknown answers. The other one is redeemed.",
    fault_seconds=75,
)
def odd_code(round_: Round) -> None:
    """Publish two codes. The odd code's rows stay open, so it is not added to the round's codes."""
    good = round_.new_code(feed=False)
    odd = f"Odd{good}"
    unknown_answer = {
        "fault": "msg",
        "msg": "MOON PHASE ERROR",
        "err_code": 41_234,
        "code": odd,
        "times": None,
    }
    round_.system.game.change(faults=[unknown_answer], feed=[line(odd)])
    round_.publish(good)
    round_.wait_for_progress(1.0)

    asked = _request_times(round_, odd)
    round_.system.wait_until(
        lambda: bool(_request_times(round_, odd)),
        "a request for the odd code",
        seconds=round_.patience_seconds,
    )
    round_.system.pause(
        max(0.0, 61 - (_request_times(round_, good)[-1] - asked[0]) if asked else 61.0)
    )
    asked = _request_times(round_, odd)
    early = [moment for moment in asked if moment <= asked[0] + 60]
    round_.notes.append(f"{len(early)} requests for the odd code in its first minute")
    if len(early) > MOST_ODD_REQUESTS:
        round_.problems.append(f"the odd code got {len(early)} requests in its first minute")
    if round_.system.database.value("SELECT sum(pauses) FROM giftcodes_ratebudget"):
        round_.problems.append("the odd code paused the game")


def _request_times(round_: Round, code: str) -> list[float]:
    """Return the times of the requests for a code, in Unix seconds."""
    return [
        entry["at"]
        for entry in round_.system.game.ledger(round_.since)["requests"]
        if entry["code"] == code
    ]
