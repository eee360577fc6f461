"""The simulator's ledger: the requests that the game saw, read over HTTP."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any

import requests
from django.conf import settings

from giftcodes.models import database_now

_PATH = "/_sim/ledger"
_SECONDS = 120.0
Entry = dict[str, Any]


class LedgerError(Exception):
    """The ledger cannot be read. The text says why."""


@dataclass(frozen=True)
class Ledger:
    """The requests in order of arrival, and the grants, as simulator/state.py describes them.

    Args:
        url: the simulator's base address.
        asked_at: the time just before the ledger was read, by the database's clock. The ledger has
            all answers from before this time.
        requests: every request, including those of `check_provider`.
        grants: which player was granted which issue of which code.
        violations: what the game saw that an honest client would not do.
        limit: the number of requests that the game allows in a window now. None if unlimited.
    """

    url: str
    asked_at: dt.datetime
    requests: list[Entry]
    grants: list[Entry]
    violations: list[Entry]
    limit: int | None

    @cached_property
    def repeats(self) -> list[Entry]:
        """Requests for a player who had been granted the code before."""
        by_player: dict[tuple[Any, Any], list[Entry]] = defaultdict(list)
        for entry in self.requests:
            by_player[entry["player"], entry["code"]].append(entry)
        return [entry for entries in by_player.values() for entry in _repeated(entries)]

    @cached_property
    def excesses(self) -> list[Entry]:
        """Requests for which the window had no room."""
        return [entry for entry in self.requests if self._is_excess(entry)]

    def _is_excess(self, entry: Entry) -> bool:
        """Whether the game refused the request because its window was full.

        A refusal that a fault script ordered does not count. If the request has no answer, its
        number within the window decides.
        """
        if entry["window_number"] is None:
            return False
        if entry["status"] is None:
            return self.limit is not None and entry["window_number"] > self.limit
        return bool(
            entry["status"] == HTTPStatus.TOO_MANY_REQUESTS and entry["fault"] in (None, "delay")
        )


def _repeated(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the requests for a code that had been granted before.

    A request between the grants of two issues may have been for either issue. Only a RECEIVED
    answer shows that it was for the first one.
    """
    is_granted = False
    since: list[Entry] = []
    for entry in entries:
        if entry["granted"]:
            yield from (
                earlier for earlier in since if str(earlier["msg"]).casefold() == "received"
            )
            is_granted, since = True, []
        elif is_granted:
            since.append(entry)
    yield from since


def fetch(url: str) -> Ledger:
    """Read the ledger of the simulator at this address.

    Args:
        url: the simulator's base address, or the address of its ledger.

    Raises:
        LedgerError: there is no answer, or the answer is not a simulator's.
    """
    base = url.strip().rstrip("/").removesuffix(_PATH)
    asked_at = database_now()
    found, world = _get(base + _PATH), _get(f"{base}/_sim/world")
    try:
        rate = str(world["rate"])
        return Ledger(
            url=base,
            asked_at=asked_at,
            requests=found["requests"],
            grants=found["grants"],
            violations=found["violations"],
            limit=None if rate == "unlimited" else int(rate.partition("/")[0]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise LedgerError(f"{base} does not answer as a simulator does ({error!r}).") from error


def _get(url: str) -> Any:
    headers = {"Authorization": f"Bearer {settings.SIMULATOR_TOKEN}"}
    try:
        answer = requests.get(url, headers=headers, timeout=_SECONDS, allow_redirects=False)
        if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise LedgerError(
                f"The simulator at {url} refuses this request: set SIMULATOR_TOKEN to the token "
                "that the simulator was started with. The command `up` sets it on both sides."
            )
        answer.raise_for_status()
        return answer.json()
    except (requests.RequestException, ValueError) as error:
        raise LedgerError(f"The ledger cannot be read from {url}: {error}") from error
