"""The code feed: a list to read, and a list that nobody may change."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from typing import Any

from simulator.endings import Answer, Ending, json_answer
from simulator.faults import BEFORE
from simulator.ledger import Ledger
from simulator.spoiling import spoiled
from simulator.wire import Request
from simulator.world import World


@dataclass(slots=True)
class FeedApi:
    """A community service with a key. An empty `key` means that any will do."""

    world: World
    ledger: Ledger
    key: str
    clock: Callable[[], float]

    async def respond(self, request: Request) -> tuple[Ending, dict[str, Any]]:
        """Deal with one call. The record is to be closed when its status is known."""
        call = self.ledger.open_feed_call(self.clock(), request.method)
        n = call["n"]
        if request.method != "GET":
            # POST and DELETE change the list for everybody; the project has promised never to call them.
            self.ledger.violation(
                "feed written to", call["at"], method=request.method, path=request.path
            )
            return json_answer({"error": "This feed is read only."}, 405), call
        fault = self.world.feed_script.choose(n, (BEFORE,))
        if fault is not None:
            call["fault"] = fault.kind
            if fault.kind != "delay":
                return spoiled(fault, self._listing(), seed=self.world.seed, n=n), call
            await asyncio.sleep(fault.seconds)
        if self.key and request.headers.get("x-api-key") != self.key:
            return json_answer({"error": "Invalid API key."}, 401), call
        if request.query.get("action") == "check":
            return json_answer({"exists": self._lists(request.query.get("giftcode", ""))}), call
        return self._unless_known(request, self._listing()), call

    def _listing(self) -> Answer:
        if self.world.options.feed_format == "kingshot.net":
            listed = [self._entry(line) for line in self.world.feed]
            return json_answer({"status": "success", "data": {"giftCodes": listed}})
        return json_answer({"codes": self.world.feed})

    def _entry(self, line: Any) -> Any:
        """A line of the list in the form with an end. What is no line of text is listed as it is."""
        if not isinstance(line, str):
            return line
        name, _, day = line.partition(" ")
        created = datetime.strptime(day, "%d.%m.%Y").replace(tzinfo=UTC) if day else None
        code = self.world.codes.get(name)
        end = (
            datetime.fromtimestamp(code.expires_at, UTC)
            if code and code.expires_at is not None
            else None
        )
        return {"code": name, "createdAt": _iso(created), "expiresAt": _iso(end)}

    def _lists(self, name: str) -> bool:
        return any(
            isinstance(line, str) and line.partition(" ")[0] == name for line in self.world.feed
        )

    def _unless_known(self, request: Request, listing: Answer) -> Answer:
        """The list, or 304 if the client says that it has this very one."""
        if not self.world.options.etag:
            return listing
        etag = f'"{hashlib.md5(listing.body, usedforsecurity=False).hexdigest()}"'
        changed_at = int(self.world.feed_changed_at)
        headers = {"ETag": etag, "Last-Modified": formatdate(changed_at, usegmt=True)}
        asked_etag = request.headers.get("if-none-match")
        known = (
            etag in asked_etag
            if asked_etag
            else _is_since(request.headers.get("if-modified-since"), changed_at)
        )
        return Answer(304, headers=headers) if known else Answer(200, listing.body, headers=headers)


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None


def _is_since(date: str | None, changed_at: int) -> bool:
    if not date:
        return False
    try:
        return parsedate_to_datetime(date).timestamp() >= changed_at
    except ValueError:
        return False
