"""The game answers wrongly, late, or not at all."""

from __future__ import annotations

from functools import partial
from typing import Any

from chaos import times
from chaos.game import line
from chaos.round import Stage
from chaos.scenario import SCENARIOS, Scenario, scenario

#: Name, story, and faults for the code under test. `when: after` means that the game granted before it failed.
_FAULTS: list[tuple[str, str, list[dict[str, Any]]]] = [
    (
        "effect-without-answer",
        "One request in twenty is granted, and its answer is lost.",
        [{"fault": "drop", "when": "after", "probability": 0.05, "times": None}],
    ),
    (
        "game-timeouts",
        "One in twenty is answered after our patience, before or after the effect.",
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
        "Twenty-four server errors in a row, most of them after the effect.",
        [
            {"fault": "status", "status": 500, "when": "after", "times": 16},
            {"fault": "status", "status": 503, "times": 8},
        ],
    ),
    (
        "game-html",
        "A proxy's page with status 200 instead of an answer, now and then after the effect.",
        [
            {"fault": "html", "probability": 0.04, "times": None},
            {"fault": "html", "when": "after", "probability": 0.04, "times": None},
        ],
    ),
    (
        "game-broken-json",
        "Answers that are cut, truncated or no text at all.",
        [
            {"fault": "truncated", "when": "after", "probability": 0.03, "times": None},
            {"fault": "cut", "when": "after", "probability": 0.03, "times": None},
            {"fault": "garbage", "probability": 0.03, "times": None},
        ],
    ),
    (
        "game-resets",
        "Connections that are reset, before, after, or unseen by the game.",
        [
            {"fault": "reset", "probability": 0.03, "times": None},
            {"fault": "reset", "when": "after", "probability": 0.03, "times": None},
            {"fault": "reset", "when": "unseen", "probability": 0.03, "times": None},
        ],
    ),
    (
        "game-drips",
        "Answers that drip a byte now and then for ever, in the head or in the body; and one of 10 MB.",
        [
            {"fault": "drip", "seconds": 0.2, "part": "head", "times": 4},
            {"fault": "drip", "seconds": 0.2, "part": "body", "when": "after", "times": 4},
            {"fault": "huge", "times": 2},
        ],
    ),
    (
        "game-429-storm",
        "The game says 429 to sixteen requests, whatever we have sent.",
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
        "TIMEOUT RETRY, NOT LOGIN and TOO FREQUENT, one request in ten.",
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


def _spoil(stage: Stage, faults: list[dict[str, Any]]) -> None:
    """Let the faults happen to requests for this code only: from the first one on, or in mid-run."""
    code = stage.begin(feed=False)
    is_early = all("probability" in fault for fault in faults) and stage.random.random() < 0.5
    scripted = [{**fault, "code": code} for fault in faults]
    stage.may_be_throttled = True
    stage.game_seconds = 60.0  # A game that fails is paused, and probed now and then.
    if is_early:
        stage.system.game.change(faults=scripted)
    stage.publish(code)
    if not is_early:
        stage.wait_for_share(0.2)
        stage.system.game.change(faults=scripted)
    stage.note_fault()


for _name, _story, _faults in _FAULTS:
    SCENARIOS[_name] = Scenario(
        name=_name,
        story=_story,
        play=partial(_spoil, faults=_faults),
        rounds=1,
        members=240,
        harm_seconds=90,
    )


#: A code with words that are not known costs at most so many requests in its first minute.
MOST_ODD_REQUESTS = 12


@scenario(
    "game-odd-code",
    "Of two new codes one gets nothing but unknown words; the other goes on.",
    harm_seconds=75,
)
def odd_code(stage: Stage) -> None:
    """The odd one is not among the codes of the round: its rows stay open."""
    good = stage.begin(feed=False)
    odd = f"Odd{good}"
    words = {
        "fault": "msg",
        "msg": "MOON PHASE ERROR",
        "err_code": 41_234,
        "code": odd,
        "times": None,
    }
    stage.system.game.change(faults=[words], feed=[line(odd)])
    stage.publish(good)
    stage.wait_for_share(1.0)

    asked = _moments(stage, odd)
    stage.system.wait(
        lambda: bool(_moments(stage, odd)),
        "a request for the odd code",
        seconds=stage.patience_seconds,
    )
    stage.system.pause(max(0.0, 61 - (_moments(stage, good)[-1] - asked[0]) if asked else 61.0))
    asked = _moments(stage, odd)
    early = [moment for moment in asked if moment <= asked[0] + 60]
    stage.notes.append(f"{len(early)} requests for the odd code in its first minute")
    if len(early) > MOST_ODD_REQUESTS:
        stage.complaints.append(f"the odd code cost {len(early)} requests in its first minute")
    if stage.system.books.value("SELECT sum(pauses) FROM giftcodes_ratebudget"):
        stage.complaints.append("the odd code paused the game")


def _moments(stage: Stage, code: str) -> list[float]:
    """When the game was asked for a code, in unix seconds."""
    return [
        entry["at"]
        for entry in stage.system.game.ledger(stage.since)["requests"]
        if entry["code"] == code
    ]
