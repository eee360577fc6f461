"""The game's side: its world, which a scenario changes, and its ledger, which is the truth."""

from __future__ import annotations

import datetime as dt
from typing import Any

import requests

Entry = dict[str, Any]


class Game:
    """The simulator, over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.api_url = f"{url}/api/gift_code"
        self.feed_url = f"{url}/feed"

    def answers(self) -> bool:
        """Whether it listens."""
        try:
            return requests.get(f"{self.url}/_sim/players", timeout=2).ok
        except requests.RequestException:
            return False

    def change(self, **world: Any) -> None:
        """Merge something into its world."""
        answer = requests.post(f"{self.url}/_sim/world", json=world, timeout=10)
        if answer.status_code != 200:
            message = f"The simulator does not take {world}: {answer.text}"
            raise ValueError(message)

    def spoil(self, fault: str, **details: Any) -> None:
        """Script a fault."""
        self.change(faults=[{"fault": fault, **details}])

    def ledger(self, since: int = 0) -> dict[str, Any]:
        """Requests and grants after request number `since`."""
        found: dict[str, Any] = requests.get(
            f"{self.url}/_sim/ledger", params={"since": since}, timeout=30
        ).json()
        return found

    def last_number(self) -> int:
        """The number of the newest request."""
        return len(self.ledger()["requests"])


def line(code: str, day: dt.date | None = None) -> str:
    """A line of the feed: published today, if no day is given."""
    return f"{code} {day or dt.datetime.now(dt.UTC).date():%d.%m.%Y}"
