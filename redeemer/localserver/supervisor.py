"""Keep children running, show what they say, end them in order.

All in one thread: a child is tied to the thread that started it (redeemer.localserver.spawn).
"""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Iterable

from redeemer.localserver.child import Child, Program, describe
from redeemer.localserver.console import Console
from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.lines import LineReader
from redeemer.localserver.server import tail
from redeemer.localserver.stop_request import StopRequest

_LOOK_EVERY_SECONDS = 0.2
_KILLED_WITHIN_SECONDS = 5.0


class Supervisor:
    """Children in stages: a stage is started after the one before it, and ended before it."""

    def __init__(self, console: Console, request: StopRequest) -> None:
        self._console = console
        self._request = request
        self._stages: list[list[Child]] = []

    def start(self, *programs: Program) -> list[Child]:
        """Start one more stage."""
        stage = [Child(program) for program in programs]
        self._stages.append(stage)
        for child in stage:
            child.start()
        return stage

    def wait_for(self, condition: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Look after the children until `condition` holds.

        Raises:
            CannotStartError: it did not hold within `seconds`; the message says that `what` did not.
            StopAskedError: somebody asked to stop.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise CannotStartError(f"{what} within {seconds:.0f} s: see the lines above.")
            self.look_unless_asked()

    def run_once(self, program: Program) -> int:
        """Run a program to its end, beside the children; returns its exit status.

        Raises:
            StopAskedError: somebody asked to stop; the program is ended.
        """
        child = Child(program)
        child.start()
        try:
            while (status := child.reap()) is None:
                self.look(extra=child)
                self._request.raise_if_asked()
        finally:
            self._end([child])
        return status

    def run_until_asked(self, also: Callable[[], None] = lambda: None) -> None:
        """Look after the children until somebody asks to stop; `also` is called after each look, and must not wait."""
        while not self._request.asked:
            self.look()
            also()

    def look_unless_asked(self) -> None:
        """One `look`.

        Raises:
            StopAskedError: somebody asked to stop.
        """
        self.look()
        self._request.raise_if_asked()

    def look(self, extra: Child | None = None) -> None:
        """Pass on what was said, for a fifth of a second at most; start again who died and has waited long enough."""
        children = [child for stage in self._stages for child in stage]
        self._listen([*children, extra] if extra else children)
        for child in children:
            if (status := child.reap()) is not None:
                self._has_ended(child, status)
            elif child.restart_at is not None and time.monotonic() >= child.restart_at:
                self._restart(child)

    def stop(self) -> None:
        """End all children, the last stage first."""
        while self._stages:
            self._end(self._stages.pop())

    def _has_ended(self, child: Child, status: int) -> None:
        try:
            mended = child.program.mend(status)
        except CannotStartError as error:
            self._console.say(str(error))
        else:
            if mended:
                self._console.say(mended)
                self._restart(child)
                return
        delay = child.plan_restart()
        self._console.say(
            f"{child.program.name} {describe(status)}; it is started again in {delay:g} s."
        )
        if child.program.log:
            self._console.say(tail(child.program.log))

    def _restart(self, child: Child) -> None:
        try:
            child.start()
        except (OSError, CannotStartError) as error:
            self._console.say(f"{child.program.name} cannot be started: {error}")
            child.plan_restart()

    def _end(self, children: list[Child]) -> None:
        for child in children:
            child.ask_to_stop()
        started_at = time.monotonic()
        remaining = [child for child in children if child.process]
        while remaining:
            self._listen(remaining)
            waited = time.monotonic() - started_at
            for child in remaining:
                if self._request.insisted or waited > child.program.patience_seconds:
                    child.kill()
                child.reap()
            remaining = [child for child in remaining if child.process]
            if (
                remaining
                and waited > remaining[0].program.patience_seconds + _KILLED_WITHIN_SECONDS
            ):
                self._console.say(
                    f"{remaining[0].program.name} cannot be ended; going on without it."
                )
                return

    def _listen(self, children: Iterable[Child]) -> None:
        """Read from the children that speak."""
        with selectors.DefaultSelector() as selector:
            for child in children:
                if child.reader and not child.reader.has_ended:
                    selector.register(child.reader.pipe, selectors.EVENT_READ, child.reader)
            if not selector.get_map():
                time.sleep(_LOOK_EVERY_SECONDS)
                return
            for key, _ in selector.select(_LOOK_EVERY_SECONDS):
                reader: LineReader = key.data
                reader.read()
