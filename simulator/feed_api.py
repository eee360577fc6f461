"""The code feed: a read-only list of published codes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, formatdate, parsedate_to_datetime
from html import escape
from typing import Any

from simulator.faults import BEFORE, faulty_reply
from simulator.state import Ledger
from simulator.wire import Reply, Request, Response, json_response
from simulator.world import World


@dataclass(slots=True)
class FeedApi:
    """A community service that requires a key. If `key` is empty, it accepts any key."""

    world: World
    ledger: Ledger
    key: str
    clock: Callable[[], float]

    async def respond(self, request: Request) -> tuple[Reply, dict[str, Any]]:
        """Process one call. The caller closes the call's record when the status is known."""
        call = self.ledger.open_feed_call(self.clock(), request.method)
        n = call["n"]
        if request.method != "GET":
            # POST and DELETE change the real list for all its users: the app must never call them.
            self.ledger.violation(
                "feed written to", call["at"], method=request.method, path=request.path
            )
            return json_response({"error": "This feed is read only."}, 405), call
        fault = self.world.feed_script.choose(n, (BEFORE,))
        if fault is not None:
            call["fault"] = fault.kind
            if fault.kind != "delay":
                return faulty_reply(fault, self._listing(), seed=self.world.seed, n=n), call
            await asyncio.sleep(fault.seconds)
        if self.key and request.headers.get("x-api-key") != self.key:
            return json_response({"error": "Invalid API key."}, 401), call
        if request.query.get("action") == "check":
            return json_response({"exists": self._lists(request.query.get("giftcode", ""))}), call
        return self._unless_not_modified(request, self._listing()), call

    def respond_as(self, name: str, request: Request) -> tuple[Reply, dict[str, Any]]:
        """Process one call of another feed (`OTHER_FEEDS`). The caller closes the call's record."""
        call = self.ledger.open_feed_call(self.clock(), request.method)
        call["feed"] = name
        other = self.world.other_feeds[name]
        if request.method != "GET":
            return json_response({"error": "This feed is read only."}, 405), call
        if other.is_down:
            return json_response({"error": "Out of order."}, 503), call
        lines = self.world.feed if other.lines is None else other.lines
        entries = self._entries(lines)
        if name == "rss":
            return _as_rss(entries), call
        listed = [
            {"gift": one.get("code"), "from": one.get("createdAt"), "until": one.get("expiresAt")}
            for one in entries
        ]
        return json_response({"game": {"gifts": listed}}), call

    def _listing(self) -> Response:
        if self.world.options.feed_format == "kingshot.net":
            listed = [self._entry(line) for line in self.world.feed]
            return json_response({"status": "success", "data": {"giftCodes": listed}})
        return json_response({"codes": self.world.feed})

    def _entry(self, line: Any) -> Any:
        """Return a line in the kingshot.net format.

        A line that is not a string, or has a bad date, stays unchanged.
        """
        if not isinstance(line, str):
            return line
        name, _, day = line.partition(" ")
        try:
            created = datetime.strptime(day, "%d.%m.%Y").replace(tzinfo=UTC) if day else None
        except ValueError:
            return line
        code = self.world.codes.get(name)
        end = (
            datetime.fromtimestamp(code.expires_at, UTC)
            if code and code.expires_at is not None
            else None
        )
        return {"code": name, "createdAt": _iso(created), "expiresAt": _iso(end)}

    def _entries(self, lines: list[Any]) -> list[dict[str, Any]]:
        """Return the readable lines as entries."""
        return [entry for entry in map(self._entry, lines) if isinstance(entry, dict)]

    def _lists(self, name: str) -> bool:
        return any(
            isinstance(line, str) and line.partition(" ")[0] == name for line in self.world.feed
        )

    def _unless_not_modified(self, request: Request, listing: Response) -> Response:
        """Return the list, or 304 if the client's validators match it."""
        if not self.world.options.etag:
            return listing
        etag = f'"{hashlib.md5(listing.body, usedforsecurity=False).hexdigest()}"'
        changed_at = int(self.world.feed_changed_at)
        headers = {"ETag": etag, "Last-Modified": formatdate(changed_at, usegmt=True)}
        known_etag = request.headers.get("if-none-match")
        is_known = (
            etag in known_etag
            if known_etag
            else _is_not_older(request.headers.get("if-modified-since"), changed_at)
        )
        if is_known:
            return Response(304, headers=headers)
        return Response(200, listing.body, headers=headers)


def _as_rss(entries: list[dict[str, Any]]) -> Response:
    """Return an RSS feed with one item for each code."""
    items = "".join(
        f"<item><title>Gift code: {escape(str(one.get('code')))}</title>{_published(one)}</item>"
        for one in entries
    )
    body = f'<?xml version="1.0"?><rss version="2.0"><channel>{items}</channel></rss>'
    return Response(200, body.encode(), "application/rss+xml")


def _published(entry: dict[str, Any]) -> str:
    created = entry.get("createdAt")
    if not isinstance(created, str):
        return ""
    try:
        date = format_datetime(datetime.fromisoformat(created.replace("Z", "+00:00")))
    except ValueError:
        date = escape(created)
    return f"<pubDate>{date}</pubDate>"


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None


def _is_not_older(date: str | None, changed_at: int) -> bool:
    if not date:
        return False
    try:
        return parsedate_to_datetime(date).timestamp() >= changed_at
    except ValueError:
        return False
