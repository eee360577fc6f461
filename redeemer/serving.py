"""The web server: waitress with our own deadlines (decision 17).

    python -m redeemer.serving --bind 127.0.0.1:8000

Waitress reads a whole request, header and body, before it passes the request to a thread. It does
not limit the time that this reading takes: a client that sends one byte every ten seconds counts as
active. This module adds a limit.
"""

from __future__ import annotations

import argparse
import functools
import os
import resource
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, TcpWSGIServer, UnixWSGIServer
from waitress.task import ThreadedTaskDispatcher
from waitress.wasyncore import close_all, dispatcher, loop

from giftcodes.domain import failpoints
from redeemer.body_limits import BODY_BYTES_IN_MEMORY, MAX_BYTES_OF_ALL, BodyRules, Request
from redeemer.client_address import without_forged_headers
from redeemer.site_threads import OWN_THREADS, THREADS

#: A request, header and body, must arrive within this time plus the time that its bytes would take
#: at the slowest accepted rate.
REQUEST_SECONDS = 20.0
MIN_BYTES_PER_SECOND = 16_384
#: How long a connection may be idle between a response and the next request. Proxies close idle
#: connections after 60 s, which is earlier. So a proxy never sends a request on a connection that
#: we close.
IDLE_SECONDS = 75.0
#: A client that does not read its response for this long is disconnected, because a long response
#: occupies a thread.
UNREAD_SECONDS = 30.0
#: When all connections are in use, those that have waited this long for a request are closed.
CROWDED_SECONDS = 2.0
#: How long running requests may take after SIGTERM.
GRACE_SECONDS = 5.0
#: The time between two checks of whether beat ticks.
BEAT_CHECK_SECONDS = failpoints.seconds("BEAT_CHECK_SECONDS", 15.0)

MAX_HEADER_BYTES = 32_768
_MAX_CONNECTIONS = 1_000
#: How many files the application itself may have open: database connections, static files, and
#: request bodies that are kept in files.
_OWN_FILES = 64

_Listener = socket.socket


class Channel(HTTPChannel):  # type: ignore[misc] # Untyped.
    """A connection that measures how long it has waited for its client.

    `begun_at` is when a request began to arrive, or when the connection was opened; None between
    two requests. `received_bytes` counts the request's bytes. All times are in seconds of the
    monotonic clock.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Accept the same arguments as HTTPChannel."""
        self.idle_since = time.monotonic()
        self.begun_at: float | None = self.idle_since
        self.received_bytes = 0
        self._unread_since: tuple[float, float] | None = None
        super().__init__(*args, **kwargs)
        self.parser_class = functools.partial(Request, self.server, str(self.addr[0]))

    def received(self, data: bytes) -> bool:
        """Count the bytes that arrive.

        Blank lines before a request count, too: a client must not gain time by sending them.
        """
        if self.begun_at is None:
            self.begun_at = time.monotonic()
        self.received_bytes += len(data)
        return bool(super().received(data))

    def service(self) -> None:
        """Answer a request, in a thread. The next request's time starts with its first byte."""
        self.begun_at, self.received_bytes, self.idle_since = None, 0, time.monotonic()
        super().service()

    def is_overdue(self, now: float, *, is_crowded: bool) -> bool:
        """Whether the client has taken too long. The time that the site takes does not count.

        Args:
            now: the time of the monotonic clock, in seconds.
            is_crowded: whether all connections are in use.
        """
        if self.is_busy():
            self.idle_since = now
            return self._is_unread(now)
        self._unread_since = None
        began = self.idle_since if self.begun_at is None else self.begun_at
        if is_crowded:
            return now - began > CROWDED_SECONDS + self.received_bytes / MIN_BYTES_PER_SECOND
        if self.begun_at is None and self.request is None:
            return now - began > IDLE_SECONDS
        return now - began > REQUEST_SECONDS + self.received_bytes / MIN_BYTES_PER_SECOND

    def _is_unread(self, now: float) -> bool:
        """Whether the client has left its response unread for too long."""
        if not self.total_outbufs_len:
            self._unread_since = None
            return False
        # Waitress records the wall-clock time of the last send. The comparison only shows whether
        # something was sent since the last check.
        if self._unread_since is None or self._unread_since[0] != self.last_activity:
            self._unread_since = (self.last_activity, now)
        return now - self._unread_since[1] > UNREAD_SECONDS

    def is_busy(self) -> bool:
        """Whether a request is being answered, or its response is being sent."""
        return bool(self.requests or self.total_outbufs_len)


class _Dispatcher(ThreadedTaskDispatcher):  # type: ignore[misc] # Untyped.
    """Passes requests to threads: those for some paths to threads that serve no other path."""

    def __init__(self) -> None:
        """Start all threads."""
        super().__init__()
        self.set_thread_count(THREADS)
        self._own = {path: ThreadedTaskDispatcher() for path in OWN_THREADS}
        for path, count in OWN_THREADS.items():
            self._own[path].set_thread_count(count)

    def add_task(self, task: Channel) -> None:
        """Queue a connection. A thread will answer the first of its complete requests."""
        # A request whose header cannot be parsed has no path.
        own = self._own.get(getattr(task.requests[0], "path", ""))
        if own is None:
            super().add_task(task)
        else:
            own.add_task(task)

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        """End the threads, and drop the requests that none of them has begun."""
        for own in self._own.values():
            own.shutdown(cancel_pending, timeout)
        return bool(super().shutdown(cancel_pending, timeout))


class _WithDeadlines(BaseWSGIServer):  # type: ignore[misc] # Untyped.
    channel_class = Channel

    def maintenance(self, now: float) -> None:  # noqa: ARG002 - the wall clock
        """Close each overdue connection at once. The loop calls this about once a second.

        Waitress would close a channel only when its socket is writable. The socket never becomes
        writable while the client leaves the response unread.
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
        OSError: the address is in use, or not available to this user.
        ValueError: `bind` is not an address.
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
    # `::` means all interfaces, so IPv4 is included.
    all_interfaces = host == "::" and socket.has_dualstack_ipv6()
    return socket.create_server(address, family=family, backlog=1024, dualstack_ipv6=all_interfaces)


def _listen_on_path(path: Path) -> _Listener:
    """Listen on a path. Replace a socket that a killed server left there, unless it is in use."""
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


def serve(
    listener: _Listener,
    application: Callable[..., Any],
    *,
    trusts_proxies: bool,
    body_rules: BodyRules = BodyRules(),  # noqa: B008 - it is immutable
) -> None:
    """Serve until SIGTERM or SIGINT. Then accept no new requests, finish running ones, and return.

    Args:
        listener: a listening socket.
        application: a WSGI application.
        trusts_proxies: whether `X-Forwarded-…` headers are passed on. If not, they are removed.
        body_rules: what the limits on bodies need to know about the installation.
    """
    server = _server(listener, application, trusts_proxies=trusts_proxies)
    server.body_rules = body_rules
    received: list[int] = []

    def stop(number: int, _frame: Any) -> None:
        received.append(number)
        server.pull_trigger()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    while not received:
        loop(timeout=1, use_poll=True, map=server._map, count=1)
    _drain(server)


def _server(listener: _Listener, application: Callable[..., Any], *, trusts_proxies: bool) -> Any:
    kind = _UnixServer if listener.family == socket.AF_UNIX else _TcpServer
    adjustments = Adjustments(
        threads=THREADS,
        ident=None,
        connection_limit=_connection_limit(),
        cleanup_interval=1,
        # `without_forged_headers` does this.
        clear_untrusted_proxy_headers=False,
        log_socket_errors=False,
        max_request_header_size=MAX_HEADER_BYTES,
        # The limits for each path are smaller (body_limits.py).
        max_request_body_size=MAX_BYTES_OF_ALL,
        inbuf_overflow=BODY_BYTES_IN_MEMORY,
    )
    where = (listener.family, listener.type, listener.proto, listener.getsockname())
    return kind(
        application if trusts_proxies else without_forged_headers(application),
        dispatcher=_Dispatcher(),
        _sock=listener,
        adj=adjustments,
        sockinfo=where,
        bind_socket=False,
    )


def _connection_limit() -> int:
    """Return how many connections the limit on open files allows. Each may need two files.

    The limit is raised first if necessary.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * _MAX_CONNECTIONS + _OWN_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    allowed = wanted if soft == resource.RLIM_INFINITY else min(soft, wanted)
    return max(16, (allowed - _OWN_FILES) // 2)


def _drain(server: Any) -> None:
    """Accept no more connections. Continue until no request is running or the time is up."""
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


class BeatWatch:
    """Raises an alarm if beat does not tick.

    A task could not do this, because beat or the workers may be down.

    The watch runs in a thread of the site's process, and holds a database connection only during a
    check.
    """

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._has_failed = False

    def start(self) -> None:
        """Check in a separate thread until the process ends."""
        threading.Thread(target=self._run, name="beat-watch", daemon=True).start()

    def check(self) -> None:
        """Check once. If several checks in a row fail, only the first error is logged."""
        from django.db import connection

        from giftcodes.domain import log_lines
        from giftcodes.notifications.alarms import check_beat

        try:
            try:
                check_beat(running_seconds=time.monotonic() - self._began)
            finally:
                connection.close()
        except Exception as error:  # noqa: BLE001 - the next check may succeed
            if not self._has_failed:
                log_lines.warning(f"Beat's tick could not be checked: {type(error).__name__}.")
            self._has_failed = True
        else:
            self._has_failed = False

    def _run(self) -> None:
        while True:
            time.sleep(BEAT_CHECK_SECONDS)
            self.check()


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
        reason = getattr(error, "strerror", None) or error
        sys.stderr.write(
            f"The site cannot listen on {bind}: {reason}. Set BIND and PORT to a free address.\n"
        )
        return 1
    with listener:
        from django.conf import settings

        from redeemer.wsgi import application

        BeatWatch().start()
        serve(
            listener,
            application,
            trusts_proxies=bool(settings.PROXIES or settings.HTTPS),
            body_rules=BodyRules(settings.PROXIES, settings.SESSION_COOKIE_NAME),
        )
    if bind.startswith("unix:"):
        Path(bind.removeprefix("unix:")).unlink(missing_ok=True)
    return 0


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the site, and end the process.

    It does not wait for the thread of a request that did not end in time.
    """
    status = main(arguments)
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    run()
