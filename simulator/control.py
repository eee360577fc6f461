"""`/_sim/…`: where tests and people look into the simulator and change its world. No game has it."""

from __future__ import annotations

import json
from typing import Any

from simulator.book import Book
from simulator.endings import Answer, json_answer
from simulator.reading import BadWorldError
from simulator.wire import Request


def respond(book: Book, request: Request) -> Answer:
    """Answer a control request."""
    try:
        match request.method, request.path:
            case "GET", "/_sim/ledger":
                return json_answer(book.ledger.as_json(_since(request)))
            case "GET", "/_sim/world":
                return json_answer(book.world.as_json())
            case "GET", "/_sim/players":
                return json_answer({"players": book.world.players_as_json()})
            case "POST", "/_sim/world":
                book.merge(_posted(request))
                return json_answer({"merged": True})
            case "POST", "/_sim/reset":
                book.reset()
                return json_answer({"reset": True})
            case _, "/_sim/trap":
                # Where redirects point to unless told otherwise: an honest client never comes here.
                book.ledger.violation("redirect followed", book.clock(), method=request.method)
                return json_answer({"trapped": True})
    except BadWorldError as error:
        return json_answer({"error": str(error)}, 400)
    return json_answer({"error": f"There is no {request.method} {request.path} here."}, 404)


def _posted(request: Request) -> Any:
    try:
        return json.loads(request.body)
    except ValueError as error:
        raise BadWorldError("body", f"must be JSON: {error}") from error


def _since(request: Request) -> int:
    since = request.query.get("since", "0")
    if not since.isdecimal():
        raise BadWorldError("since", f"must be the number of a request, not {since!r}")
    return int(since)
