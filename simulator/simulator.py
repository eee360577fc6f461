"""The simulator as one object: it can be started and stopped, and asked and changed from any thread."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

from simulator.book import Book
from simulator.config_api import ConfigApi
from simulator.feed_api import FeedApi
from simulator.gift_api import GiftApi
from simulator.options import Options
from simulator.service import API_PATH, FEED_PATH, Service
from simulator.window import read_rate
from simulator.world import Start

DEFAULT_SALT = "simulator-salt"
_BACKLOG = 1024

T = TypeVar("T")


class Simulator:
    """A game and a code feed on one port of this machine.

    All of its state lives on one thread with an event loop, so that there is nothing to lock; a client that
    hangs, or is made to hang, costs a coroutine. It can be stopped and started again on the same port, as an
    outage.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        salt: str = DEFAULT_SALT,
        feed_key: str = "",
        rate: str = "30/60",
        players: int = 0,
        seed: int = 1,
        latency: float = 0.0,
        player_gap: float = 2.0,
        publish_every: float | None = None,
        state: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Make the world; nothing listens yet.

        Args:
            host: the address to listen on.
            port: 0 picks a free one, which is kept from then on.
            salt: what signatures are made with.
            feed_key: what the feed wants as X-API-Key; empty takes any.
            rate: `30/60` is 30 requests in 60 s for each address; or `unlimited`.
            players: how many players the seed makes.
            seed: what everything that looks like chance is drawn from.
            latency: seconds the game takes for each answer.
            player_gap: seconds between requests for one player; 0 switches that off.
            publish_every: seconds between new codes in the feed, the first at once; None publishes none.
            state: a file that outlives the process.
            clock: what time it is, in unix seconds; tests may travel with it.

        Raises:
            StateFileError: the state file cannot be used.
            BadWorldError: the rate cannot be read.
        """
        options = Options(latency=latency, player_gap=player_gap)
        start = Start(seed=seed, players=players, rate=read_rate("rate", rate), options=options)
        self.book = Book(start, state=state, clock=clock)
        self._service = Service(
            self.book,
            GiftApi(self.book.world, self.book.ledger, salt, clock),
            FeedApi(self.book.world, self.book.ledger, feed_key, clock),
            ConfigApi(self.book.world, self.book.ledger, salt, clock),
        )
        self._host, self._port = host, port
        self._publish_every = publish_every
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self._host}:{self._port}"

    @property
    def api_url(self) -> str:
        """Where codes are redeemed."""
        return self.url + API_PATH

    @property
    def feed_url(self) -> str:
        """Where codes are listed."""
        return self.url + FEED_PATH

    def start(self) -> Self:
        """Listen, on a thread of its own. When this returns, requests are accepted.

        Raises:
            OSError: the port is taken.
        """
        listener = socket.create_server((self._host, self._port), backlog=_BACKLOG)
        self._port = listener.getsockname()[1]
        is_up = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._live(listener, is_up)), name="simulator", daemon=True
        )
        self._thread.start()
        is_up.wait()
        return self

    def stop(self) -> None:
        """Close the port and every connection. World and ledger stay, and it can start again."""
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._thread = None

    def close(self) -> None:
        """Stop for good, and let go of the state file."""
        self.stop()
        self.book.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def merge(self, world: dict[str, Any]) -> None:
        """Change the world, as `POST /_sim/world` does. Raises BadWorldError if it cannot be used."""
        self._on_loop(lambda: self.book.merge(world))

    def publish(self, code: str, **conditions: Any) -> None:
        """Put a code into the game and, with the day of today, into the feed."""
        self._on_loop(lambda: self.book.publish(code, **conditions))

    def ledger(self, since: int = 0) -> dict[str, Any]:
        """What `GET /_sim/ledger` shows."""
        return self._on_loop(lambda: self.book.ledger.as_json(since))

    def world(self) -> dict[str, Any]:
        """What `GET /_sim/world` shows."""
        return self._on_loop(self.book.world.as_json)

    def reset(self) -> None:
        """Begin anew."""
        self._on_loop(self.book.reset)

    def _on_loop(self, action: Callable[[], T]) -> T:
        """Do something on the thread that owns the state; here and now when there is none."""
        if self._loop is None:
            return action()

        async def act() -> T:
            return action()

        return asyncio.run_coroutine_threadsafe(act(), self._loop).result()

    async def _live(self, listener: socket.socket, is_up: threading.Event) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._service.serve, sock=listener)
        publishing = asyncio.create_task(self._publish())
        is_up.set()
        await self._stopping.wait()
        # Not waited for: a server waits for its connections, and some drip for ever. Leaving cancels them.
        server.close()
        publishing.cancel()
        self._loop = None

    async def _publish(self) -> None:
        """Publish a code now and then; after a restart, when the next one would have been due."""
        if self._publish_every is None:
            return
        while True:
            last_at = self.book.last_published_at
            if last_at is not None:
                await asyncio.sleep(max(0.0, last_at + self._publish_every - self.book.clock()))
            self.book.publish_next()
