"""The simulator's server. It has its own thread, and routes requests to the APIs."""

from __future__ import annotations

import asyncio
import math
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from simulator.control import PREFIX, ControlApi
from simulator.feed_api import FeedApi
from simulator.game_api import ConfigApi, GiftApi
from simulator.rate_limits import read_rate
from simulator.state import State
from simulator.wire import (
    BadRequestError,
    Reply,
    Request,
    html_response,
    json_response,
    read_request,
)
from simulator.world import InitialWorld, Options

DEFAULT_SALT = "simulator-salt"
API_PATH = "/api/gift_code"
CONFIG_PATH = "/api/gift_code_config"
FEED_PATH = "/feed"
#: Other feeds of the game, each in a form of its own: the path, by the name in the world.
OTHER_FEED_PATHS = {"json": "/feed.json", "rss": "/feed.rss"}
_OTHER_FEEDS = {path: name for name, path in OTHER_FEED_PATHS.items()}
#: The game removed these paths in July 2026. Only an outdated client requests them.
_OLD_PATHS = ("/api/player", "/api/captcha")
_BACKLOG = 1024
_DAY_SECONDS = 86_400.0

T = TypeVar("T")


class Simulator:
    """A game and a code feed on one local port.

    All state belongs to one thread with an event loop, so nothing needs a lock, and a connection
    that hangs occupies only a coroutine. To simulate an outage, stop the simulator and start it
    again on the same port. The public methods may be called from any thread.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        salt: str = DEFAULT_SALT,
        feed_key: str = "",
        token: str = "",
        rate: str = "30/60",
        players: int = 0,
        seed: int = 1,
        latency: float = 0.0,
        player_gap: float = 2.0,
        publish_every: float | None = None,
        publish_first: int | None = None,
        state: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Create the world. `start` makes the server listen.

        Args:
            host: the address to listen on.
            port: the port. With 0, the first start picks a free port, and later starts reuse it.
            salt: the salt of the signatures.
            feed_key: the X-API-Key that the feed requires. If it is empty, any key is accepted.
            token: the token that the control paths require. If it is empty, they are closed.
            rate: the limit for each address: `unlimited`, or `30/60` for 30 requests in 60 s.
            players: the number of seeded players.
            seed: the seed of players, codes and variations.
            latency: seconds before the game processes a request.
            player_gap: minimum seconds between requests for one player. 0 means no minimum.
            publish_every: seconds between new codes in the feed. The first one is published at
                once. If None, no codes are published.
            publish_first: how many codes are published at that pace. After them, one is published
                each day, so that a demo that is left running stays small. If None, all codes are
                published at that pace.
            state: the state file. If None, the state is lost when the process ends.
            clock: returns Unix seconds. A test may replace it.

        Raises:
            StateFileError: the state file cannot be used.
            InvalidWorldError: the rate is invalid.
        """
        options = Options(latency=latency, player_gap=player_gap)
        rate_limit = read_rate("rate", rate)
        initial = InitialWorld(seed=seed, players=players, rate=rate_limit, options=options)
        self.state = State(initial, file=state, clock=clock)
        world, ledger = self.state.world, self.state.ledger
        self._router = _Router(
            self.state,
            GiftApi(world, ledger, salt, clock),
            FeedApi(world, ledger, feed_key, clock),
            ConfigApi(world, ledger, salt, clock),
            ControlApi(self.state, token, host),
        )
        self._host, self._port = host, port
        self._publish_every, self._publish_first = publish_every, publish_first
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://{self._host}:{self._port}"

    @property
    def api_url(self) -> str:
        """The URL that redeems codes."""
        return self.url + API_PATH

    @property
    def feed_url(self) -> str:
        """The URL of the feed."""
        return self.url + FEED_PATH

    def other_feed_url(self, name: str) -> str:
        """The URL of another feed of the game: `json` or `rss`."""
        return self.url + OTHER_FEED_PATHS[name]

    def start(self) -> Self:
        """Listen on a new thread. When this returns, the server accepts requests.

        Raises:
            OSError: the server cannot listen on the port.
        """
        listener = socket.create_server((self._host, self._port), backlog=_BACKLOG)
        self._port = listener.getsockname()[1]
        is_up = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._run(listener, is_up)), name="simulator", daemon=True
        )
        self._thread.start()
        is_up.wait()
        return self

    def stop(self) -> None:
        """Close the port and every connection. The state is kept for the next `start`."""
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._thread = None

    def close(self) -> None:
        """Stop the server, and close the state file."""
        self.stop()
        self.state.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def merge(self, world: dict[str, Any]) -> None:
        """Change the world, as `POST /_sim/world` does.

        Raises:
            InvalidWorldError: a value is invalid; nothing has changed.
        """
        self._on_loop(lambda: self.state.merge(world))

    def publish(self, code: str, **conditions: Any) -> None:
        """Add a code to the game and, with today's date (UTC), to the feed."""
        self._on_loop(lambda: self.state.publish(code, **conditions))

    def ledger(self, since: int = 0) -> dict[str, Any]:
        """Return the ledger, as `GET /_sim/ledger` does."""
        return self._on_loop(lambda: self.state.ledger.as_json(since))

    def world(self) -> dict[str, Any]:
        """Return the world, as `GET /_sim/world` does."""
        return self._on_loop(self.state.world.as_json)

    def reset(self) -> None:
        """Restore the initial world and clear the ledger."""
        self._on_loop(self.state.reset)

    def _on_loop(self, action: Callable[[], T]) -> T:
        """Call `action` on the thread that owns the state, or directly if it is not running."""
        if self._loop is None:
            return action()

        async def act() -> T:
            return action()

        return asyncio.run_coroutine_threadsafe(act(), self._loop).result()

    async def _run(self, listener: socket.socket, is_up: threading.Event) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._router.serve, sock=listener)
        publishing = asyncio.create_task(self._publish())
        is_up.set()
        await self._stopping.wait()
        # Do not wait for the server to close: it would wait for its connections, and one with the
        # fault `drip` never ends. asyncio.run() cancels them.
        server.close()
        publishing.cancel()
        self._loop = None

    async def _publish(self) -> None:
        """Publish a code at each interval.

        A restart does not change when the next code is due.
        """
        if self._publish_every is None:
            return
        while True:
            last_at = self.state.last_published_at
            if last_at is not None:
                first = math.inf if self._publish_first is None else self._publish_first
                has_many = self.state.published >= first
                pause = _DAY_SECONDS if has_many else self._publish_every
                await asyncio.sleep(max(0.0, last_at + pause - self.state.clock()))
            self.state.publish_next()


@dataclass(slots=True)
class _Router:
    state: State
    api: GiftApi
    feed: FeedApi
    config: ConfigApi
    control: ControlApi

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection until either side closes it."""
        try:
            await self._serve_requests(reader, writer)
        except (ConnectionError, TimeoutError):
            pass  # The client closed the connection. The request is already in the ledger.
        except asyncio.CancelledError:
            # The simulator is stopping. Do not raise the exception again, because Python 3.11
            # reports a cancelled connection as an error.
            writer.transport.abort()
        finally:
            writer.close()

    async def _serve_requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        address: str = writer.get_extra_info("peername")[0]
        stays_open = True
        while stays_open:
            try:
                request = await read_request(reader, address)
            except BadRequestError as error:
                await json_response({"error": str(error)}, 400).send(writer)
                return
            if request is None:
                return
            stays_open = await self._answer(request, writer) and request.keeps_alive

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        if request.path == API_PATH and request.method == "POST":
            return await self._answer_gift(request, writer)
        if request.path == CONFIG_PATH and request.method == "POST":
            response, call = self.config.respond(request)
            call["status"] = response.status
            self.state.ledger.close_config_call(call)
            return await response.send(writer)
        if request.path == FEED_PATH or request.path in _OTHER_FEEDS:
            return await self._answer_feed(request, writer)
        return await self._answer_other(request).send(writer)

    async def _answer_gift(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        reply, entry = await self.api.respond(request)
        entry.status = reply.status
        # Record the entry before the reply is sent, because a client that has read the reply may
        # kill this process at once. Record it again when the exchange has ended.
        self.state.ledger.close(entry)
        try:
            return await reply.send(writer)
        finally:
            entry.answered_at = self.state.clock()
            self.state.ledger.close(entry)

    async def _answer_feed(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        other = _OTHER_FEEDS.get(request.path)
        if other is not None:
            reply, call = self.feed.respond_as(other, request)
        else:
            reply, call = await self.feed.respond(request)
        call["status"] = reply.status
        self.state.ledger.close_feed_call(call)
        return await reply.send(writer)

    def _answer_other(self, request: Request) -> Reply:
        if request.path.startswith(PREFIX):
            return self.control.respond(request)
        if request.path in _OLD_PATHS:
            self.state.ledger.violation(
                "old endpoint", self.state.clock(), method=request.method, path=request.path
            )
        return html_response(405 if request.path in (API_PATH, CONFIG_PATH) else 404)
