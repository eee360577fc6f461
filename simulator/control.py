"""The control paths, `/_sim/…`: read the ledger and the world, and change the world.

Only a program that knows the token may use them. Every user of this computer can reach the port,
and every web page that is open in a browser here can send requests to it. But a page can set the
`Authorization` header or send `application/json` only in requests to its own site, and to sites
that allow it (CORS). This server never does. An attacker can let the host name of a page point to
this computer (DNS rebinding), so that this server counts as the page's own site. The requests of
such a page have its host name in `Host`, and are refused.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from simulator.state import State
from simulator.validation import InvalidWorldError
from simulator.wire import JSON, Request, Response, json_response

PREFIX = "/_sim/"
#: Where the fault `redirect` leads by default. It needs no token, because a client that follows a
#: redirect has none.
TRAP_PATH = "/_sim/trap"


@dataclass(slots=True)
class ControlApi:
    """The paths below `/_sim/`. If `token` is empty, they are closed, except for `TRAP_PATH`.

    Args:
        state: the state that the paths read and change.
        token: the token that is expected as `Authorization: Bearer <token>`.
        host: the host name that the server listens on. The `Host` of a request must be this name,
            `localhost` or an IP address.
    """

    state: State
    token: str
    host: str

    def respond(self, request: Request) -> Response:
        """Process one request."""
        if request.path == TRAP_PATH:
            self.state.ledger.violation(
                "redirect followed", self.state.clock(), method=request.method
            )
            return json_response({"trapped": True})
        return self._refusal(request) or self._answer(request)

    def _refusal(self, request: Request) -> Response | None:
        if not self._is_addressed(request.headers.get("host", "")):
            return _refused(
                HTTPStatus.FORBIDDEN,
                "Host must be an IP address, localhost or the name that this server listens on.",
            )
        if not self.token:
            return _refused(
                HTTPStatus.FORBIDDEN, "These paths are closed: start with SIMULATOR_TOKEN set."
            )
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not secrets.compare_digest(
            token.strip().encode(), self.token.encode()
        ):
            return _refused(
                HTTPStatus.UNAUTHORIZED, "Send the header Authorization: Bearer <SIMULATOR_TOKEN>."
            )
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if request.method != "GET" and media_type != JSON:
            return _refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type must be {JSON}.")
        return None

    def _is_addressed(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name in ("localhost", self.host.lower()) or _is_ip_address(name)

    def _answer(self, request: Request) -> Response:
        state = self.state
        try:
            match request.method, request.path:
                case "GET", "/_sim/ledger":
                    return json_response(state.ledger.as_json(_since(request)))
                case "GET", "/_sim/world":
                    return json_response(state.world.as_json())
                case "GET", "/_sim/players":
                    return json_response({"players": state.world.players_as_json()})
                case "POST", "/_sim/world":
                    state.merge(_posted(request))
                    return json_response({"merged": True})
                case "POST", "/_sim/reset":
                    state.reset()
                    return json_response({"reset": True})
        except InvalidWorldError as error:
            return _refused(HTTPStatus.BAD_REQUEST, str(error))
        return _refused(HTTPStatus.NOT_FOUND, f"There is no {request.method} {request.path} here.")


def _refused(status: HTTPStatus, why: str) -> Response:
    return json_response({"error": why}, status)


def _is_ip_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _posted(request: Request) -> Any:
    try:
        return json.loads(request.body)
    except ValueError as error:
        raise InvalidWorldError("body", f"must be JSON: {error}") from error


def _since(request: Request) -> int:
    since = request.query.get("since", "0")
    if not since.isdecimal():
        raise InvalidWorldError("since", f"must be the number of a request, not {since!r}")
    return int(since)
