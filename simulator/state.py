"""The simulator's state: the ledger, the world, and the file that keeps both across restarts."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from simulator.game import DEMO_MIN_LEVEL, feed_line, seeded_code_name
from simulator.validation import InvalidWorldError
from simulator.world import KEPT, InitialWorld, World, read_change

Record = dict[str, Any]


@dataclass(slots=True)
class Entry:
    """One request to `/api/gift_code`. Times are Unix seconds.

    Args:
        n: the request's number in the ledger, from 1.
        at: when the whole request had arrived.
        player, realm, code: the values as they were sent. None if they were not sent.
        window_opened_at: the start of the window in which the request was counted. None if no rate
            is set, or if the game never saw the request.
        window_number: the request's number within that window. None in the same cases.
        answered_at: when the exchange ended. For a dropped response, this is when the connection
            was closed. None if the exchange has not ended, or if the process was killed before the
            end. If it was killed and there is a `status`, it was killed while it sent the response.
        status: the HTTP status. None if no status was sent, or none has been sent yet.
        msg: the game's message, without a full stop.
        fault, fault_when: the kind and the `when` of the fault that affected the request.
        granted: whether the player was granted the code.
        address: the client's address. None in a state file of an older release.
    """

    n: int
    at: float
    player: str | None
    realm: str | None
    code: str | None
    window_opened_at: float | None = None
    window_number: int | None = None
    answered_at: float | None = None
    status: int | None = None
    msg: str | None = None
    err_code: Any = None
    fault: str | None = None
    fault_when: str | None = None
    granted: bool = False
    address: str | None = None


_AT_ARRIVAL = ("n", "at", "player", "realm", "code", "window_opened_at", "window_number", "address")
_AT_END = (
    "n",
    "window_opened_at",
    "window_number",
    "answered_at",
    "status",
    "msg",
    "err_code",
    "fault",
    "fault_when",
    "granted",
)


@dataclass(slots=True)
class Ledger:
    """The requests in order of arrival, and the grants in the order in which they were made.

    `persist` is called with each record.
    """

    persist: Callable[[Record], None] = lambda _record: None
    requests: list[Entry] = field(default_factory=list)
    grants: list[Record] = field(default_factory=list)
    violations: list[Record] = field(default_factory=list)
    feed: list[Record] = field(default_factory=list)
    config: list[Record] = field(default_factory=list)

    def next_number(self) -> int:
        """Return the number of the next request, from 1."""
        return len(self.requests) + 1

    def open(self, entry: Entry) -> None:
        """Record a request that has arrived, before it is processed."""
        self.requests.append(entry)
        self.persist({"request": {name: getattr(entry, name) for name in _AT_ARRIVAL}})

    def close(self, entry: Entry) -> None:
        """Record the result of a request, unless the ledger has been cleared since."""
        if entry.n <= len(self.requests) and self.requests[entry.n - 1] is entry:
            self.persist({"answer": {name: getattr(entry, name) for name in _AT_END}})

    def grant(self, *, n: int, player: str, code: str, issue: int, at: float) -> None:
        """Record that request `n` granted `player` an issue of `code`."""
        grant = {"n": n, "player": player, "code": code, "issue": issue, "at": at}
        self.grants.append(grant)
        self.persist({"grant": grant})

    def violation(self, kind: str, at: float, **details: Any) -> None:
        """Record something that a correct client would not do."""
        violation = {"kind": kind, "at": at, **details}
        self.violations.append(violation)
        self.persist({"violation": violation})

    def open_feed_call(self, at: float, method: str) -> Record:
        """Record that a call of the feed has arrived."""
        call: Record = {
            "n": len(self.feed) + 1,
            "at": at,
            "method": method,
            "status": None,
            "fault": None,
        }
        self.feed.append(call)
        return call

    def close_feed_call(self, call: Record) -> None:
        """Persist a call whose status is known."""
        self.persist({"feed_call": call})

    def open_config_call(self, at: float, fields: list[str]) -> Record:
        """Record that a call of `/api/gift_code_config` has arrived, with its field names."""
        call: Record = {"n": len(self.config) + 1, "at": at, "fields": fields, "status": None}
        self.config.append(call)
        return call

    def close_config_call(self, call: Record) -> None:
        """Persist a call whose status is known."""
        self.persist({"config_call": call})

    def restore(self, kind: str, record: Record) -> None:
        """Restore one record of a state file. A record of an unknown kind is ignored."""
        if kind == "request":
            self.requests.append(Entry(**record))
        elif kind == "answer":
            entry = self.requests[record["n"] - 1]
            for name, value in record.items():
                setattr(entry, name, value)
        elif kind in ("grant", "violation", "feed_call", "config_call"):
            lists = {"grant": self.grants, "violation": self.violations, "feed_call": self.feed}
            (lists | {"config_call": self.config})[kind].append(record)

    def clear(self) -> None:
        """Remove all records. The next request is number 1 again."""
        for records in (self.requests, self.grants, self.violations, self.feed, self.config):
            records.clear()

    def as_json(self, since: int = 0) -> Record:
        """Return the ledger as JSON.

        It has all violations and all calls of the feed and of `/api/gift_code_config`, but only the
        requests and grants after request number `since`.
        """
        return {
            "requests": [asdict(entry) for entry in self.requests[max(0, since) :]],
            "grants": [grant for grant in self.grants if grant["n"] > since],
            "violations": list(self.violations),
            "feed": list(self.feed),
            "config": list(self.config),
        }


class StateFileError(Exception):
    """The state file cannot be used. The text says why."""


def _private(path: str, flags: int) -> int:
    """Open a file so that only its owner may use it.

    Older releases created the file with access for others. This access is removed.
    """
    descriptor = os.open(path, flags, 0o600)
    if os.fstat(descriptor).st_uid == os.geteuid():
        os.fchmod(descriptor, 0o600)
    return descriptor


class StateFile:
    """An open and locked state file: one JSON record per line, append-only.

    A record is written before the response is sent, but not synced to disk. A killed process loses
    no records, but a power failure may lose some.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, and create it if it is missing.

        Raises:
            StateFileError: the file cannot be opened, or another simulator holds its lock.
        """
        self.path = path
        try:
            self._file = open(path, "ab+", buffering=0, opener=_private)  # noqa: SIM115 - it stays open
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            message = f"The state file {path} is in use by another simulator."
            raise StateFileError(message) from error
        except OSError as error:
            message = f"The state file {path} cannot be opened: {error.strerror}."
            raise StateFileError(message) from error

    def records(self) -> Iterator[tuple[str, Any]]:
        """Yield each record as (kind, content), oldest first. An incomplete last line is removed.

        Raises:
            StateFileError: a line before the last cannot be read.
        """
        self._file.seek(0)
        lines = self._file.read().split(b"\n")
        torn = lines.pop()
        for number, line in enumerate(lines, start=1):
            try:
                ((kind, content),) = json.loads(line).items()
            except (ValueError, AttributeError) as error:
                message = (
                    f"The state file {self.path} cannot be read: line {number} is not a record."
                )
                raise StateFileError(message) from error
            yield kind, content
        if torn:
            self._file.truncate(self._file.seek(0, os.SEEK_END) - len(torn))

    def write(self, record: dict[str, Any]) -> None:
        """Append one record, `{kind: content}`."""
        self._file.write(json.dumps(record).encode() + b"\n")

    def close(self) -> None:
        """Close the file. This releases its lock."""
        self._file.close()


class State:
    """The world and the ledger. Without a state file, they are lost when the process ends."""

    def __init__(
        self, initial: InitialWorld, *, file: Path | None, clock: Callable[[], float] = time.time
    ) -> None:
        """Create the world, and restore what is in the state file.

        Raises:
            StateFileError: the state file cannot be used.
        """
        self.clock = clock
        self.world = World(initial)
        self.ledger = Ledger()
        #: How many demo codes have been published, and when the last one was. A reset keeps both.
        self.published = 0
        self.last_published_at: float | None = None
        self._file: StateFile | None = None
        if file is not None:
            self._open(file)

    def _open(self, path: Path) -> None:
        file = StateFile(path)
        try:
            for kind, content in file.records():
                self._restore(kind, content)
        except StateFileError:
            file.close()
            raise
        except (InvalidWorldError, KeyError, TypeError, IndexError) as error:
            file.close()
            message = f"The state file {path} cannot be read: {error!r}."
            raise StateFileError(message) from error
        self._file = file
        self.ledger.persist = file.write

    def close(self) -> None:
        """Close the state file."""
        if self._file is not None:
            self._file.close()

    def merge(self, posted: Any) -> None:
        """Merge a posted change into the world.

        Raises:
            InvalidWorldError: a value is invalid; nothing has changed.
        """
        change, now = read_change(posted), self.clock()
        self.world.apply(change, now)
        kept = {name: posted[name] for name in KEPT if name in posted}
        if kept:
            self.ledger.persist({"merge": {"at": now, "world": kept}})

    def publish(self, name: str, **conditions: Any) -> None:
        """Add a code to the game and, with today's date (UTC), to the feed."""
        self.merge({"codes": {name: conditions}, "feed": [feed_line(name, self.clock())]})

    def publish_next(self) -> str:
        """Publish the demo's next code. Some players are below its minimum level."""
        self.published += 1
        self.last_published_at = self.clock()
        self.ledger.persist(
            {"published": {"counter": self.published, "at": self.last_published_at}}
        )
        name = seeded_code_name(self.world.seed, self.published)
        self.publish(name, min_level=DEMO_MIN_LEVEL)
        return name

    def reset(self) -> None:
        """Restore the initial world and clear the ledger."""
        self.world.reset()
        self.ledger.clear()
        self.ledger.persist({"reset": None})

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
