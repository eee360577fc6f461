"""World and ledger with their memory on disk: what has happened is read again after a restart."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simulator.change import KEPT, read_change
from simulator.codes import feed_line, seeded_code_name
from simulator.ledger import Ledger
from simulator.players import DEMO_MIN_LEVEL
from simulator.reading import BadWorldError
from simulator.state import StateFile, StateFileError
from simulator.world import Start, World


class Book:
    """The simulator's whole state. Without a state file it lives as long as the process."""

    def __init__(
        self, start: Start, *, state: Path | None, clock: Callable[[], float] = time.time
    ) -> None:
        """Make the world, and bring back what a state file knows.

        Raises:
            StateFileError: the state file cannot be used.
        """
        self.clock = clock
        self.world = World(start)
        self.ledger = Ledger()
        #: How many codes of the demo were ever published, and when the last was. A reset does not forget it.
        self.published = 0
        self.last_published_at: float | None = None
        self._file: StateFile | None = None
        if state is not None:
            self.open(state)

    def open(self, state: Path) -> None:
        """Go on from a state file, and with it."""
        file = StateFile(state)
        try:
            for kind, content in file.records():
                self._restore(kind, content)
        except StateFileError:
            file.close()
            raise
        except (BadWorldError, KeyError, TypeError, IndexError) as error:
            file.close()
            message = f"The state file {state} cannot be read: {error!r}."
            raise StateFileError(message) from error
        self._file = file
        self.ledger.keep = file.write

    def close(self) -> None:
        """Let go of the state file."""
        if self._file is not None:
            self._file.close()

    def merge(self, posted: Any) -> None:
        """Merge what was posted into the world.

        Raises:
            BadWorldError: something in it cannot be used; nothing has changed.
        """
        change, now = read_change(posted), self.clock()
        self.world.apply(change, now)
        kept = {name: posted[name] for name in KEPT if name in posted}
        if kept:
            self._keep({"merge": {"at": now, "world": kept}})

    def publish(self, name: str, **conditions: Any) -> None:
        """Put a code into the game and, with the day of today (UTC), into the feed."""
        self.merge({"codes": {name: conditions}, "feed": [feed_line(name, self.clock())]})

    def publish_next(self) -> str:
        """Publish the next code of the demo, with a level that a few of its players have not reached."""
        self.published += 1
        self.last_published_at = self.clock()
        self._keep({"published": {"counter": self.published, "at": self.last_published_at}})
        name = seeded_code_name(self.world.seed, self.published)
        self.publish(name, min_level=DEMO_MIN_LEVEL)
        return name

    def reset(self) -> None:
        """Begin anew: world as at the start, ledger empty."""
        self.world.reset()
        self.ledger.clear()
        self._keep({"reset": None})

    def _keep(self, record: dict[str, Any]) -> None:
        self.ledger.keep(record)

    def _restore(self, kind: str, content: Any) -> None:
        match kind:
            case "merge":
                self.world.apply(read_change(content["world"]), content["at"])
            case "published":
                self.published, self.last_published_at = content["counter"], content["at"]
            case "reset":
                self.world.reset()
                self.ledger.clear()
            case _:
                self.ledger.restore(kind, content)
                if kind == "grant":
                    self.world.restore_grant(content)
