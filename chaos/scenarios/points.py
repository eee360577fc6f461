"""Scenarios in which processes kill themselves at a failpoint.

A round lasts until at least one process has died.
"""

from __future__ import annotations

from functools import partial

from chaos.round import Round
from chaos.scenario import SCENARIOS, Scenario
from chaos.system import REDEEM, TimeUpError

#: The probability that a process dies each time it reaches the failpoint. During a run of 120
#: members a few processes die, each with up to eight requests in flight.
_CHANCE = 0.03
#: The same for `before-commit`. Only a few answers pass it, such as the first answer for a code.
_CHANCE_BEFORE_COMMIT = 0.5

_POINTS = {
    "before-publish": "after the claim's commit, before its message is sent",
    "after-intent": "after the Attempt's commit, before they check how much of the lease is left",
    "before-send": "just before the first byte of the request is sent",
    "after-send": "after the request is sent, before its answer arrives",
    "before-record": "after the answer has arrived, before it is recorded",
    "before-commit": "after the answer is written, before its commit",
    "after-record": "after the answer's commit, before the next task is enqueued",
}


def _die_at(round_: Round, point: str) -> None:
    """Publish codes until a process has died at the point, then remove the fault."""
    names = ("control",) if point == "before-publish" else REDEEM
    chance = _CHANCE_BEFORE_COMMIT if point == "before-commit" else _CHANCE
    round_.system.restart(*names, REDEEMER_FAULT=f"{point}:kill:{chance}")
    round_.new_code()
    while round_.faults == 0:
        try:
            round_.system.wait_until(
                lambda: round_.faults > 0 or round_.is_settled(), "a death", seconds=60
            )
        except TimeUpError:
            round_.problems.append(f"no process died at {point}, and the codes did not settle")
            break
        if round_.faults == 0:
            round_.new_code()
    round_.system.pause(round_.random.uniform(0, 6))
    for name in names:
        round_.system.processes[name].extra = {}
    # A process that still has the fault must be restarted without it.
    for name in names:
        if round_.system.processes[name].is_alive:
            round_.kill(name)
    deaths = sum(round_.system.log(name).count(f"FAILPOINT: kill at {point}") for name in names)
    round_.notes.append(f"{deaths} death(s) at the failpoint so far")


for _point, _description in _POINTS.items():
    SCENARIOS[f"die-{_point}"] = Scenario(
        name=f"die-{_point}",
        description=f"Workers kill themselves {_description}.",
        play=partial(_die_at, point=_point),
        rounds=2,
        members=120,
        fault_seconds=30,
    )
