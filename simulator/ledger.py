"""Every request and grant as the game saw it, for comparison with what the app believes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

Record = dict[str, Any]
Keep = Callable[[Record], None]


def keep_nothing(_record: Record) -> None:
    """For a simulator without a state file."""


@dataclass(slots=True)
class Entry:
    """One request to `/api/gift_code`. Times are unix seconds.

    `at` is when it had arrived in whole, `answered_at` when its exchange was over, which for a dropped answer
    is when the connection was closed; None is still under way, or lost with the process (with a status: as the
    answer was leaving). `msg` is without its full stop. The window is the one it was counted in; both fields are
    None when no rate is set or the game never saw it. `address` is the client's; a state file may be older than it.
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
    """Requests in order of arrival, grants in order of effect. Each is handed to `keep` as it happens."""

    keep: Keep = keep_nothing
    requests: list[Entry] = field(default_factory=list)
    grants: list[Record] = field(default_factory=list)
    violations: list[Record] = field(default_factory=list)
    feed: list[Record] = field(default_factory=list)
    config: list[Record] = field(default_factory=list)

    def next_number(self) -> int:
        """The number the next request gets: the first is 1."""
        return len(self.requests) + 1

    def open(self, entry: Entry) -> None:
        """Write down a request that has arrived, before anything is done about it."""
        self.requests.append(entry)
        self.keep({"request": {name: getattr(entry, name) for name in _AT_ARRIVAL}})

    def close(self, entry: Entry) -> None:
        """Write down how the exchange ends, or has ended, unless the ledger was cleared meanwhile."""
        if entry.n <= len(self.requests) and self.requests[entry.n - 1] is entry:
            self.keep({"answer": {name: getattr(entry, name) for name in _AT_END}})

    def grant(self, *, n: int, player: str, code: str, issue: int, at: float) -> None:
        """Write down that request `n` gave `player` an issue of `code`."""
        grant = {"n": n, "player": player, "code": code, "issue": issue, "at": at}
        self.grants.append(grant)
        self.keep({"grant": grant})

    def violation(self, kind: str, at: float, **details: Any) -> None:
        """Write down something that no honest client does."""
        violation = {"kind": kind, "at": at, **details}
        self.violations.append(violation)
        self.keep({"violation": violation})

    def open_feed_call(self, at: float, method: str) -> Record:
        """Write down a call of the feed that has arrived."""
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
        """Hand on a call whose status is known."""
        self.keep({"feed_call": call})

    def open_config_call(self, at: float, fields: list[str]) -> Record:
        """Write down a call of `/api/gift_code_config` that has arrived, with the names of its fields."""
        call: Record = {"n": len(self.config) + 1, "at": at, "fields": fields, "status": None}
        self.config.append(call)
        return call

    def close_config_call(self, call: Record) -> None:
        """Hand on a call whose status is known."""
        self.keep({"config_call": call})

    def restore(self, kind: str, record: Record) -> None:
        """Take back one record of a state file; kinds that are not the ledger's are passed over."""
        if kind == "request":
            self.requests.append(Entry(**record))
        elif kind == "answer":
            entry = self.requests[record["n"] - 1]
            for name, value in record.items():
                setattr(entry, name, value)
        elif kind in ("grant", "violation", "feed_call", "config_call"):
            books = {"grant": self.grants, "violation": self.violations, "feed_call": self.feed}
            (books | {"config_call": self.config})[kind].append(record)

    def clear(self) -> None:
        """Forget everything; the next request is number 1 again."""
        for book in (self.requests, self.grants, self.violations, self.feed, self.config):
            book.clear()

    def as_json(self, since: int = 0) -> Record:
        """Requests after number `since` and their grants; violations and other calls in whole."""
        return {
            "requests": [asdict(entry) for entry in self.requests[max(0, since) :]],
            "grants": [grant for grant in self.grants if grant["n"] > since],
            "violations": list(self.violations),
            "feed": list(self.feed),
            "config": list(self.config),
        }
