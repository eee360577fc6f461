"""The simulated game.

Scenarios change its world (players, codes, feed, faults, options and rate), and the checks read its
ledger.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import requests

Entry = dict[str, Any]


class Game:
    """A client of the simulator's control interface."""

    def __init__(self, url: str, token: str) -> None:
        """
        Args:
            url: the simulator's base address.
            token: the simulator's SIMULATOR_TOKEN.
        """
        self.url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self.api_url = f"{url}/api/gift_code"
        self.feed_url = f"{url}/feed"

    def is_up(self) -> bool:
        try:
            return requests.get(f"{self.url}/_sim/players", headers=self._headers, timeout=2).ok
        except requests.RequestException:
            return False

    def change(self, **world: Any) -> None:
        """Merge a change into the simulator's world.

        Raises:
            ValueError: the simulator does not accept the change.
        """
        answer = requests.post(
            f"{self.url}/_sim/world", json=world, headers=self._headers, timeout=10
        )
        if answer.status_code != 200:
            message = f"The simulator does not accept {world}: {answer.text}"
            raise ValueError(message)

    def script_fault(self, fault: str, **details: Any) -> None:
        """Add one fault to the simulator's script."""
        self.change(faults=[{"fault": fault, **details}])

    def ledger(self, since: int = 0) -> dict[str, Any]:
        """Return the requests and grants that came after request number `since`."""
        found: dict[str, Any] = requests.get(
            f"{self.url}/_sim/ledger", params={"since": since}, headers=self._headers, timeout=30
        ).json()
        return found

    def last_number(self) -> int:
        """Return the number of the newest request."""
        return len(self.ledger()["requests"])


def line(code: str, day: dt.date | None = None) -> str:
    """Return a line of the feed: a code and the day of its publication, by default today."""
    return f"{code} {day or dt.datetime.now(dt.UTC).date():%d.%m.%Y}"
