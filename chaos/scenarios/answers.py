"""The game answers wrongly, late, or not at all."""

from __future__ import annotations

from functools import partial
from typing import Any

from chaos import times
from chaos.scenario import SCENARIOS, Scenario
from chaos.stage import Stage

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
            {"fault": "delay", "seconds": times.HTTP_SECONDS + 1, "when": "after", "probability": 0.03, "times": None},
            {"fault": "delay", "seconds": times.HTTP_SECONDS + 1, "when": "before", "probability": 0.03, "times": None},
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
        [{"fault": "429", "times": 8}, {"fault": "429", "headers": {"Retry-After": "2"}, "times": 8}],
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
            {"fault": "msg", "msg": "TIMEOUT RETRY", "when": "after", "probability": 0.04, "times": None},
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
