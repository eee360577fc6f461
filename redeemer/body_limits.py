"""Limits on the size of request bodies: one for each path, and one for all requests together.

The web server applies them before and while it reads a body. A body above 64 kB is kept in a file,
and no login is checked until the whole body has arrived. So without limits, anyone could fill the
disk.

Only bytes that have arrived count as used, because a client can announce a long body and send
nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from django.http import parse_cookie
from waitress.parser import HTTPRequestParser
from waitress.utilities import BadRequest

from redeemer.client_address import address_of, customer_of

#: A body larger than this is kept in a file.
BODY_BYTES_IN_MEMORY = 65_536
#: Django accepts 2.5 MB in a form, and explains what to do about a larger one. This limit is
#: higher, so that such a form reaches Django.
_FORM_BYTES = 4_000_000
#: A list of members may have up to 5 MB. If it is only somewhat larger, the request still reaches
#: the form, which rejects the list with an explanation.
_LIST_BYTES = 16_000_000
#: The forms of players have a few short fields. A body of this size is kept in memory.
_PLAYER_BYTES = 8_192
#: The disk space that the bodies of all requests may use together.
MAX_BYTES_OF_ALL = 128_000_000
#: The part of this space that the requests of one client may use together. It is enough for two of
#: the longest lists.
MAX_BYTES_OF_CLIENT = 32_000_000
#: Disk space is reserved for a body in blocks of this size. So the total of all bodies need not be
#: added up for every packet.
_BLOCK_BYTES = 262_144

_ADMIN = "/admin/"
#: The pages of players, which anyone may send forms to.
_PLAYERS = ("/join/", "/my/", "/codes/")
#: Pages whose limit differs from that of the other pages of the admin.
_PAGES = {
    "/admin/login/": BODY_BYTES_IN_MEMORY,
    "/admin/import/": _LIST_BYTES,
}


@dataclass(frozen=True, slots=True)
class BodyRules:
    """What the limits need to know about the installation.

    Args:
        proxies: the number of our own proxies in front of the site.
        session_cookie: the name of the cookie that a login sets.
    """

    proxies: int = 0
    session_cookie: str = "sessionid"


class _Refusal(BadRequest):  # type: ignore[misc] # Untyped.
    """A response in plain text, which says only what to do."""

    def to_response(self, ident: Any = None) -> Any:  # noqa: ARG002
        """Return the status, the headers and the body, without the name of the server."""
        headers = [("Content-Type", "text/plain; charset=utf-8")]
        return f"{self.code} {self.reason}", headers, f"{self.body}\n".encode()


class _TooLong(_Refusal):
    code = 413
    reason = "Content Too Large"


class _LengthRequired(_Refusal):
    code = 411
    reason = "Length Required"


class _Forbidden(_Refusal):
    code = 403
    reason = "Forbidden"


class _Full(_Refusal):
    code = 503
    reason = "Service Unavailable"


_LIST_TOO_LONG = (
    "This list is too long. A list may have at most 5 MB. Split it into several files, and import "
    "them one after the other."
)
_FULL = "Too many forms are being received. Try again in a minute."
_FULL_FOR_CLIENT = (
    "Too many forms are being received from your address. Wait until they have arrived, and try "
    "again."
)
_NOT_LOGGED_IN = (
    f"Log in, and send this again. Without a login, at most {BODY_BYTES_IN_MEMORY} bytes are "
    "accepted."
)


def max_body_bytes(path: str) -> int:
    """Return the size limit for the body of a request, in bytes.

    Args:
        path: the path of the request as Django gets it, without the query.
    """
    if path in _PAGES:
        return _PAGES[path]
    if path.startswith(_PLAYERS):
        return _PLAYER_BYTES
    return _FORM_BYTES if path.startswith(_ADMIN) else BODY_BYTES_IN_MEMORY


class _Discarded:
    """Receives a body without keeping it: a browser sends all of it before it reads a response."""

    error = None

    def __init__(self, byte_count: int) -> None:
        self._left = byte_count

    @property
    def completed(self) -> bool:
        return self._left <= 0

    def received(self, data: bytes) -> int:
        """Return how many of the bytes belong to the body."""
        used = min(len(data), self._left)
        self._left -= used
        return used

    def getbuf(self) -> BytesIO:
        return BytesIO()

    def __len__(self) -> int:
        return 0


class Request(HTTPRequestParser):  # type: ignore[misc] # Untyped.
    """A request that is refused if its body is too long, has no length, or finds no space left.

    `reserved_bytes` is the disk space that its body uses, in whole blocks.
    """

    completed: bool
    content_length: int
    body_rcv: Any
    expect_continue: bool

    def __init__(self, server: Any, peer: str, adjustments: Any) -> None:
        """Create the parser for one request.

        Args:
            server: the server that receives the request, and that holds the other requests and the
                BodyRules.
            peer: the address of the other end of the connection.
            adjustments: the configuration of waitress.
        """
        self._server, self._peer = server, peer
        self.client: str | None = None
        self.reserved_bytes = 0
        super().__init__(adjustments)

    def received(self, data: bytes) -> int:
        """Read the next part of the request, and return how many of its bytes were used.

        If no space is left for the body, what has arrived is dropped, and the rest is not kept.
        """
        if self.headers_finished and not self.completed and self.body_is_large:
            arrived = min(self.body_bytes_received + len(data), self.content_length)
            if error := self._reserve(arrived):
                self.body_rcv.getbuf().close()
                self._discard_body(error, self.content_length - self.body_bytes_received)
        return int(super().received(data))

    def parse_header(self, header_plus: bytes) -> None:
        """Read the header, and refuse the request if its body cannot be accepted."""
        super().parse_header(header_plus)
        self.client = customer_of(
            address_of(
                self.headers.get("X_FORWARDED_FOR", ""), self._peer, proxies=self._rules.proxies
            )
        )
        error = self._refusal()
        if error is None:
            return
        if isinstance(error, _Forbidden | _Full) and not self.expect_continue:
            self._discard_body(error, self.content_length)
            return
        self.error, self.completed, self.expect_continue = error, True, False
        # Otherwise waitress would see a body that is too long, and replace our error by its own.
        self.content_length = 0

    def _discard_body(self, error: BadRequest, byte_count: int) -> None:
        """Respond with an error when the rest of the body has arrived, and keep none of it."""
        self.error, self.body_rcv = error, _Discarded(byte_count)
        self.content_length = self.reserved_bytes = 0

    @property
    def _rules(self) -> BodyRules:
        rules: BodyRules = self._server.body_rules
        return rules

    @property
    def body_is_large(self) -> bool:
        """Whether the body is kept in a file."""
        return bool(self.content_length > BODY_BYTES_IN_MEMORY)

    def _refusal(self) -> BadRequest | None:
        """Return the error if the body must not be read, and None if it may be read."""
        if self.chunked:
            return _LengthRequired("Send the length of the body in Content-Length.")
        most = max_body_bytes(self.path)
        if self.content_length > most:
            is_list = most == _LIST_BYTES
            return _TooLong(
                _LIST_TOO_LONG if is_list else f"This address takes {most} bytes at most."
            )
        if not self.body_is_large:
            return None
        if not self._has_session_cookie():
            return _Forbidden(_NOT_LOGGED_IN)
        return self._no_space_for(self.content_length)

    def _has_session_cookie(self) -> bool:
        """Whether the client sent a session cookie. Django checks it when the body has arrived."""
        return self._rules.session_cookie in parse_cookie(self.headers.get("COOKIE", ""))

    def _reserve(self, byte_count: int) -> BadRequest | None:
        """Reserve disk space for the bytes that have arrived. Returns an error if none is left."""
        if byte_count <= self.reserved_bytes:
            return None
        wanted = min(math.ceil(byte_count / _BLOCK_BYTES) * _BLOCK_BYTES, self.content_length)
        if error := self._no_space_for(wanted):
            return error
        self.reserved_bytes = wanted
        return None

    def _no_space_for(self, byte_count: int) -> BadRequest | None:
        """Return an error if the other requests leave less disk space than `byte_count`."""
        channels = list(self._server.active_channels.values())
        found = [one for channel in channels for one in (*channel.requests, channel.request)]
        others = [one for one in found if one not in (None, self) and one.reserved_bytes]
        if sum(one.reserved_bytes for one in others) + byte_count > MAX_BYTES_OF_ALL:
            return _Full(_FULL)
        of_client = sum(one.reserved_bytes for one in others if one.client == self.client)
        if self.client is not None and of_client + byte_count > MAX_BYTES_OF_CLIENT:
            return _Full(_FULL_FOR_CLIENT)
        return None
