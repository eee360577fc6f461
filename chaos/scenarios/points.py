"""Processes that die, or are stopped, exactly where something is half done. A round goes on until somebody has."""

from __future__ import annotations

from functools import partial

from chaos.round import Stage
from chaos.scenario import SCENARIOS, Scenario
from chaos.system import REDEEM, TimeUpError

#: The chance at each passing: in a run of 120 rows a few deaths, each of which takes up to eight requests with it.
_CHANCE = 0.03

_STORIES = {
    "before-publish": "between the claim's commit and its message",
    "after-intent": "between the Attempt's commit and the look at its own deadline",
    "before-send": "just before the first byte of the request leaves",
    "after-send": "when the request has left, before its answer",
    "before-record": "with the answer in hand, before it is recorded",
    "before-commit": "before the answer's commit",
    "after-record": "between the answer's commit and what is rung after it",
}


def _die_at(stage: Stage, point: str) -> None:
    """Publish codes until a process has died at the point; then let nobody die any more."""
    names = ("control",) if point == "before-publish" else REDEEM
    stage.system.relaunch(*names, REDEEMER_FAULT=f"{point}:kill:{_CHANCE}")
    stage.begin()
    while stage.faults == 0:
        try:
            stage.system.wait(lambda: stage.faults > 0 or stage.is_settled(), "a death", seconds=60)
        except TimeUpError:
            stage.complaints.append(f"nobody died at {point}, and nothing settled")
            break
        if stage.faults == 0:
            stage.begin()
    stage.system.pause(stage.random.uniform(0, 6))
    for name in names:
        stage.system.processes[name].extra = {}
    for name in names:  # Whoever still has the fault in it ends as well: a kill more.
        if stage.system.processes[name].is_alive:
            stage.kill(name)
    struck = sum(stage.system.log(name).count(f"FAULT: kill at {point}") for name in names)
    stage.notes.append(f"{struck} deaths at the point so far")


for _point, _story in _STORIES.items():
    SCENARIOS[f"die-{_point}"] = Scenario(
        name=f"die-{_point}",
        story=f"Workers end themselves {_story}.",
        play=partial(_die_at, point=_point),
        rounds=2,
        members=120,
        harm_seconds=30,
    )
