"""`make model` checks the model of the lock in every order of its steps, with and without guards.

The whole model must have no error, and without one of its guards, Spin must find a counterexample.
Otherwise the exit status is 1. `GUARD=name[,name]` chooses guards by a part of their names, and
leaves the whole model out. `FAULTS=n` checks only the whole model, with n faults in each history.
The exit status is 2 if a name fits no guard, or if both are set. docs/explanation/model.md explains
the model.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

MODEL = Path(__file__).with_name("lock.pml")
PARTS = sorted(MODEL.parent.glob("*.pml"))
WORLDS = {1: "guild", 2: "twins", 3: "pace"}
#: How many faults each history of the whole model has.
FAULTS = 1
_PATIENCE_SECONDS = 600
_PATIENCE_WITH_FAULTS_SECONDS = 6 * 3600
#: The most lines of a counterexample that are printed.
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard in the model.

    Args:
        name: the name of the guard, as in `chaos.guards` if it is there, too.
        define: what removes the guard from the model.
        world: the world in which its counterexample is (`WORLDS`).
        faults: how many faults the counterexample needs.
        more: other defines that the counterexample needs.
        circles: whether the counterexample is a history that repeats the same states for ever.
        is_needed: whether there is a counterexample. If not, docs/explanation/model.md says why.
    """

    name: str
    define: str
    world: int = 1
    faults: int = 1
    more: tuple[str, ...] = ()
    circles: bool = False
    is_needed: bool = True


GUARDS = (
    Guard("row lock in start", "NO_START_LOCK", faults=0),
    Guard("start refuses a running redemption", "NO_REFUSAL", faults=0),
    Guard("record requires the current token", "NO_TOKEN"),
    Guard("lease check before the Attempt", "NO_LEASE_CHECK"),
    Guard("a worker checks before the request that its lease lasts long enough", "NO_DEADLINE"),
    Guard("partial unique index", "NO_UNIQUE_INDEX", world=2),
    Guard("one dispatcher at a time", "NO_BUDGET_LOCK", world=3, faults=0),
    Guard("finish under the row lock", "NO_FINISH_LOCK", faults=0),
    Guard("sweep of expired leases", "NO_SWEEP_OF_LEASES"),
    Guard("the sweep settles the row of a SUCCESS", "NO_SWEEP_OF_EVIDENCE"),
    Guard(
        "an unanswered request counts as unconfirmed, not as unsent",
        "NO_UNCONFIRMED",
    ),
    Guard("a late SUCCESS settles its row", "NO_LATE_SUCCESS", is_needed=False),
    Guard(
        "the check counts what is left of the lease, not the whole lease",
        "LOOSE_DEADLINE",
        world=2,
        more=("MAX_TRIES=1",),
    ),
    Guard("one Attempt for each claim", "NO_ONE_ATTEMPT"),
    Guard("a used claim is not given back", "NO_GIVE_BACK_CHECK"),
    Guard("the sweep settles new duplicates", "NO_SWEEP_OF_DUPLICATES", world=2),
    Guard("a late SUCCESS covers an unconfirmed duplicate", "NO_COVER", world=2, faults=2),
    Guard("no duplicate of a row that holds is chosen", "NO_HOLDING_CHECK", world=2, circles=True),
    Guard("no request after a recorded SUCCESS", "NO_SUCCESS_CHECK", world=2, faults=2),
    Guard("dispatch checks the run again under its lock", "NO_RUN_CHECK", is_needed=False),
    Guard("a recovered row gets a new token", "NO_NEW_TOKEN", is_needed=False),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What Spin found: the number of states, and the violated property if there is one."""

    states: int
    error: str
    trail: str


def main() -> int:
    """Check the model. Returns the exit status."""
    names = [name for name in os.environ.get("GUARD", "").split(",") if name]
    faults = os.environ.get("FAULTS", "")
    if unknown := [name for name in names if all(name not in guard.name for guard in GUARDS)]:
        listed = "\n".join(f"  {guard.name}" for guard in GUARDS)
        print_line(f"There is no guard {', '.join(unknown)}. There are:\n{listed}")
        return 2
    if names and faults:
        print_line("GUARD chooses guards, FAULTS the whole model: set one.")
        return 2
    missing = [name for name in ("spin", "gcc") if shutil.which(name) is None]
    if missing:
        print_line(f"{' and '.join(missing)} must be installed (Debian: apt install spin gcc).")
        return 1
    chosen = [guard for guard in GUARDS if not names or any(name in guard.name for name in names)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        whole = [] if names else [pool.submit(_is_whole, *run) for run in _runs(faults)]
        guards = [] if faults else [pool.submit(_is_as_expected, guard) for guard in chosen]
        good = [future.result() for future in [*whole, *guards]]
    print_line(f"{sum(good)} of {len(good)} checks are as expected.")
    return 0 if all(good) else 1


def print_line(line: str) -> None:
    """Print a line without buffering."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _runs(faults: str) -> list[tuple[int, int, bool]]:
    """The checks of the whole model: the world, the faults, and whether circles are looked for."""
    number = int(faults or FAULTS)
    return [(world, number, circles) for world in WORLDS for circles in (False, True)]


def _is_whole(world: int, faults: int, circles: bool) -> bool:
    """Check the whole model: its properties, or that every history ends. Prints the result."""
    started_at = time.monotonic()
    patience = _PATIENCE_SECONDS if faults <= FAULTS else _PATIENCE_WITH_FAULTS_SECONDS
    found = check([f"WORLD={world}", f"FAULTS={faults}"], circles=circles, patience=patience)
    what = "no circles" if circles else "properties"
    print_line(
        f"{'RED' if found.error else 'ok':<6} whole, {what} ({WORLDS[world]}, {faults} fault(s)): "
        f"{found.states:,} states [{time.monotonic() - started_at:.0f} s]"
    )
    if found.error:
        print_line(f"       {found.error}\n{found.trail}")
    return not found.error


def _is_as_expected(guard: Guard) -> bool:
    """Remove a guard, look for a counterexample, and print the result."""
    started_at = time.monotonic()
    defines = [f"WORLD={guard.world}", f"FAULTS={guard.faults}", guard.define, *guard.more]
    found = check(defines, circles=guard.circles, patience=_PATIENCE_SECONDS)
    is_good = bool(found.error) == guard.is_needed
    verdict = ("red" if found.error else "green") if is_good else "WRONG"
    print_line(
        f"{verdict:<6} without: {guard.name} ({WORLDS[guard.world]}, {guard.faults} fault(s)): "
        f"{found.states:,} states [{time.monotonic() - started_at:.0f} s]"
    )
    print_line(f"       {found.error[:160] or 'no counterexample'}")
    return is_good


def check(defines: list[str], *, circles: bool = False, patience: float) -> Outcome:
    """Let Spin search all states of the model.

    Args:
        defines: the defines of the model, such as `WORLD=1`.
        circles: look for endless circles instead of invalid end states.
        patience: how many seconds the search may take.

    Raises:
        SystemExit: the model could not be searched wholly.
    """
    with tempfile.TemporaryDirectory(prefix="redeemer-model-") as name:
        folder = Path(name)
        for part in PARTS:
            shutil.copy(part, folder)
        options = [f"-D{define}" for define in defines]
        _run(["spin", "-a", *options, MODEL.name], folder, patience)
        # The partial-order reduction would save nothing, and does not go well with Promela's
        # statement `timeout` (lock.pml).
        search = ["-DNP"] if circles else ["-DSAFETY"]
        if patience > _PATIENCE_SECONDS:
            search += ["-O2", "-DCOLLAPSE"]  # slower to compile, but it saves half of the memory
        _run(["gcc", "-O1", "-w", *search, "-DNOREDUCE", "-o", "pan", "pan.c"], folder, patience)
        output = _run(
            ["./pan", "-m1000000", "-w24", *(["-l"] if circles else [])], folder, patience
        )
        errors = re.findall(r"^pan:\d+: (.+)$", output, re.MULTILINE)
        states = re.search(r"^ *(\d+) states, stored", output, re.MULTILINE)
        if states is None or re.search(r"max search depth too small|out of memory", output):
            raise SystemExit(f"The search with {defines} is not complete:\n{output}")
        if not errors:
            return Outcome(int(states.group(1)), "", "")
        steps = _run(["spin", "-t", "-p", *options, MODEL.name], folder, patience)
        places = re.findall(r"(\w+\.pml):(\d+), Error: assertion violated", steps)
        broken = _line(*places[0]) if places else errors[0]
        trail = "\n".join(steps.splitlines()[-_SHOWN:])
        return Outcome(int(states.group(1)), broken, trail)


def _line(file: str, number: str) -> str:
    lines = MODEL.with_name(file).read_text(encoding="utf-8").splitlines()
    return " ".join(lines[int(number) - 1].split())


def _run(command: list[str], folder: Path, patience: float) -> str:
    """Run a command in the folder. Returns its output.

    Raises:
        SystemExit: the command failed or took too long.
    """
    try:
        ended = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=patience, check=True
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise SystemExit(f"{' '.join(command)} failed: {error}\n{error.stdout}") from error
    return ended.stdout


if __name__ == "__main__":
    sys.exit(main())
