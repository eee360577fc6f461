"""Limits on the size of request bodies: one for each path, and one for all requests together.

The web server applies them before it reads a body. A body above 64 kB is kept in a file, and no
login is checked until the whole body has arrived. So without limits, anyone could fill the disk.
"""

from __future__ import annotations

from typing import Any

from waitress.parser import HTTPRequestParser
from waitress.utilities import BadRequest, RequestEntityTooLarge

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

_ADMIN = "/admin/"
#: The pages of players, which anyone may send forms to.
_PLAYERS = ("/join/", "/my/", "/codes/")
#: Pages whose limit differs from that of the other pages of the admin.
_PAGES = {
    "/admin/login/": BODY_BYTES_IN_MEMORY,
    "/admin/import/": _LIST_BYTES,
}


class _TooLong(RequestEntityTooLarge):  # type: ignore[misc] # Untyped.
    reason = "Content Too Large"


class _LengthRequired(BadRequest):  # type: ignore[misc] # Untyped.
    code = 411
    reason = "Length Required"


class _Full(BadRequest):  # type: ignore[misc] # Untyped.
    code = 503
    reason = "Service Unavailable"


def max_body_bytes(path: str) -> int:
    """Return the size limit for the body of a request, in bytes.

    Args:
        path: the path of the request as Django gets it, without the query. Outside the admin, the
            limit is the same as for the login page.
    """
    if path in _PAGES:
        return _PAGES[path]
    if path.startswith(_PLAYERS):
        return _PLAYER_BYTES
    return _FORM_BYTES if path.startswith(_ADMIN) else BODY_BYTES_IN_MEMORY


class Request(HTTPRequestParser):  # type: ignore[misc] # Untyped.
    """A request whose body is refused, before it is read, if it is too long or has no length."""

    def __init__(self, server: Any, adjustments: Any) -> None:
        """Create the parser for one request.

        Args:
            server: the server that receives the request, and that holds the other requests.
            adjustments: the configuration of waitress.
        """
        self._server = server
        super().__init__(adjustments)

    def parse_header(self, header_plus: bytes) -> None:
        """Read the header, and refuse the request if its body cannot be accepted."""
        super().parse_header(header_plus)
        if error := self._refusal():
            self.error, self.completed, self.expect_continue = error, True, False

    def _refusal(self) -> BadRequest | None:
        if self.chunked:
            return _LengthRequired("Send the length of the body in Content-Length.")
        most = max_body_bytes(self.path)
        if self.content_length > most:
            return _TooLong(f"This address takes {most} bytes at most.")
        if self.body_is_large and self._others_bytes() + self.content_length > MAX_BYTES_OF_ALL:
            return _Full("Too many forms are being received. Try again in a minute.")
        return None

    @property
    def body_is_large(self) -> bool:
        """Whether the body is kept in a file."""
        return bool(self.content_length > BODY_BYTES_IN_MEMORY)

    def _others_bytes(self) -> int:
        """Return the bytes on disk that other requests use, or will use when they are complete."""
        channels = list(self._server.active_channels.values())
        found = [one for channel in channels for one in (*channel.requests, channel.request)]
        return sum(
            one.content_length
            for one in found
            if one not in (None, self) and one.error is None and one.body_is_large
        )
