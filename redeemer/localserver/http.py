"""Ask one of our own children whether it answers."""

from __future__ import annotations

import http.client
from collections.abc import Mapping


def status_of(
    host: str, port: int, path: str, headers: Mapping[str, str] | None = None
) -> int | None:
    """The HTTP status of a GET, None if nobody answers."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path, headers=headers or {})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
