"""The web server: waitress, with deadlines of our own (decision 17).

    python -m redeemer.serving --bind 127.0.0.1:8000

Waitress reads a request completely, header and body, before a thread gets it. What it lacks is a limit for the time
that the reading may take: a client that sends one byte every ten seconds is active in its eyes. That limit is here.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import socket
import stat
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, TcpWSGIServer, UnixWSGIServer
from waitress.wasyncore import close_all, dispatcher, loop

THREADS = 8
#: A request has so long to arrive, header and body, and a second more for each so many bytes that have arrived.
REQUEST_SECONDS = 20.0
SLOWEST_BYTES_PER_SECOND = 16_384
#: A connection may be silent for so long between an answer and the next request. Proxies keep theirs for 60 s.
IDLE_SECONDS = 75.0
#: A client that takes nothing of its answer for so long is cut off: a long answer holds a thread.
UNREAD_SECONDS = 30.0
#: Where all connections are taken, those that have owed a request for so long make room.
CROWDED_SECONDS = 2.0
#: Requests under way have so long to end after SIGTERM.
GRACE_SECONDS = 5.0

#: The largest list of members has 5 MB; what is somewhat larger is refused by its form, which says so.
MOST_BODY_BYTES = 16_000_000
MOST_HEADER_BYTES = 32_768
#: More of a body than this is kept in a file.
_BODY_BYTES_IN_MEMORY = 65_536
_MOST_CONNECTIONS = 1_000
#: Files and connections of the application itself: the database, static files, bodies that are kept in a file.
_OWN_FILES = 64

_Listener = socket.socket


class Channel(HTTPChannel):  # type: ignore[misc] # Untyped.
    """A connection, and what its client owes.

    `begun_at` is when a request began to arrive, or the connection to be there for one; None between two requests.
    `came` counts the bytes of it. All times are those of the monotonic clock, in seconds.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As HTTPChannel."""
        self.idle_since = time.monotonic()
        self.begun_at: float | None = self.idle_since
        self.came = 0
        self._unread: tuple[float, float] | None = None
        super().__init__(*args, **kwargs)

    def received(self, data: bytes) -> bool:
        """Count what comes. Blank lines before a request are part of it: they buy no time."""
        if self.begun_at is None:
            self.begun_at = time.monotonic()
        self.came += len(data)
        return bool(super().received(data))

    def service(self) -> None:
        """Answer a request, in a thread. The next one has all its time before it."""
        self.begun_at, self.came, self.idle_since = None, 0, time.monotonic()
        super().service()

    def is_overdue(self, now: float, *, is_crowded: bool) -> bool:
        """Whether the client has used up its time. The time that the application takes is not counted."""
        if self.is_busy():
            self.idle_since = now
            return self._takes_nothing(now)
        self._unread = None
        began = self.idle_since if self.begun_at is None else self.begun_at
        if is_crowded:
            return now - began > CROWDED_SECONDS + self.came / SLOWEST_BYTES_PER_SECOND
        if self.begun_at is None and self.request is None:
            return now - began > IDLE_SECONDS
        return now - began > REQUEST_SECONDS + self.came / SLOWEST_BYTES_PER_SECOND

    def _takes_nothing(self, now: float) -> bool:
        """Whether a part of an answer has waited for the client for too long."""
        if not self.total_outbufs_len:
            self._unread = None
            return False
        # Waitress notes when it last sent something, by the wall clock: only whether it changes is looked at.
        if self._unread is None or self._unread[0] != self.last_activity:
            self._unread = (self.last_activity, now)
        return now - self._unread[1] > UNREAD_SECONDS

    def is_busy(self) -> bool:
        """Whether a request is under way, or its answer."""
        return bool(self.requests or self.total_outbufs_len)


class _WithDeadlines(BaseWSGIServer):  # type: ignore[misc] # Untyped.
    channel_class = Channel

    def maintenance(self, now: float) -> None:  # noqa: ARG002 - waitress gives the wall clock's time
        """Close each connection whose time is up. Called by the loop, about once a second.

        At once: waitress closes a channel when its socket takes something, which that of an unread answer never does.
        """
        for channel in list(self.active_channels.values()):
            if channel.is_overdue(time.monotonic(), is_crowded=self.in_connection_overflow):
                channel.handle_close()


class _TcpServer(_WithDeadlines, TcpWSGIServer):  # type: ignore[misc]
    pass


class _UnixServer(_WithDeadlines, UnixWSGIServer):  # type: ignore[misc]
    pass


def listen(bind: str) -> _Listener:
    """Listen on `host:port`, `[v6]:port` or `unix:/path`.

    Raises:
        OSError: the address is taken, or not for us.
        ValueError: `bind` is no address.
    """
    if bind.startswith("unix:"):
        return _listen_on_path(Path(bind.removeprefix("unix:")))
    host, _, port = bind.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal():
        msg = f"{bind!r} is not host:port, [IPv6 address]:port or unix:/path."
        raise ValueError(msg)
    found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _type, _protocol, _name, address = found[0]
    # "Everywhere" means IPv4 as well.
    everywhere = host == "::" and socket.has_dualstack_ipv6()
    return socket.create_server(address, family=family, backlog=1024, dualstack_ipv6=everywhere)


def _listen_on_path(path: Path) -> _Listener:
    """A socket that a server left behind which was killed is replaced; one that somebody answers on is taken."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if _is_left_behind(path):
            path.unlink()
        listener.bind(str(path))
        path.chmod(0o660)
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener


def _is_left_behind(path: Path) -> bool:
    if not path.exists() or not stat.S_ISSOCK(path.stat().st_mode):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) != 0


def serve(listener: _Listener, application: Callable[..., Any], *, believes_proxies: bool) -> None:
    """Serve until SIGTERM or SIGINT; then take no new request, end those under way, and return.

    Args:
        listener: a listening socket.
        application: a WSGI application.
        believes_proxies: whether `X-Forwarded-…` headers reach the application; else they are dropped.
    """
    server = _server(listener, application, believes_proxies=believes_proxies)
    asked: list[int] = []

    def stop(number: int, _frame: Any) -> None:
        asked.append(number)
        server.pull_trigger()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    while not asked:
        loop(timeout=1, use_poll=True, map=server._map, count=1)
    _drain(server)


def _server(listener: _Listener, application: Callable[..., Any], *, believes_proxies: bool) -> Any:
    kind = _UnixServer if listener.family == socket.AF_UNIX else _TcpServer
    adjustments = Adjustments(
        threads=THREADS,
        ident=None,
        connection_limit=_most_connections(),
        cleanup_interval=1,
        clear_untrusted_proxy_headers=not believes_proxies,
        log_socket_errors=False,
        max_request_header_size=MOST_HEADER_BYTES,
        max_request_body_size=MOST_BODY_BYTES,
        inbuf_overflow=_BODY_BYTES_IN_MEMORY,
    )
    where = (listener.family, listener.type, listener.proto, listener.getsockname())
    server = kind(application, _sock=listener, adj=adjustments, sockinfo=where, bind_socket=False)
    server.task_dispatcher.set_thread_count(THREADS)
    return server


def _most_connections() -> int:
    """As many as there may be open files: one connection may need two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * _MOST_CONNECTIONS + _OWN_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    allowed = wanted if soft == resource.RLIM_INFINITY else min(soft, wanted)
    return max(16, (allowed - _OWN_FILES) // 2)


def _drain(server: Any) -> None:
    """Take no more connections; go on until nothing is under way, or the time is over."""
    dispatcher.close(server)
    end = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < end:
        channels = list(server.active_channels.values())
        if not any(channel.is_busy() for channel in channels):
            break
        for channel in channels:
            if not channel.is_busy():
                channel.handle_close()
        loop(timeout=0.1, use_poll=True, map=server._map, count=1)
    server.task_dispatcher.shutdown(timeout=0)
    close_all(server._map, ignore_all=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the site. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m redeemer.serving", description="Run the site.")
    parser.add_argument(
        "--bind", required=True, help="host:port, [IPv6 address]:port or unix:/path"
    )
    bind = parser.parse_args(arguments).bind
    try:
        listener = listen(bind)
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or error
        sys.stderr.write(
            f"The site cannot listen on {bind}: {words}. Set BIND and PORT to an address that is free.\n"
        )
        return 1
    with listener:
        from django.conf import settings

        from redeemer.wsgi import application

        serve(listener, application, believes_proxies=bool(settings.PROXIES or settings.HTTPS))
    if bind.startswith("unix:"):
        Path(bind.removeprefix("unix:")).unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    # A request that did not end in its time holds a thread: it is not waited for.
    os._exit(status)
