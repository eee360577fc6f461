"""One connection after the other: read a request, let the right part answer, send the ending, note it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from simulator import control
from simulator.book import Book
from simulator.config_api import ConfigApi
from simulator.endings import Ending, html_answer, json_answer
from simulator.feed_api import FeedApi
from simulator.gift_api import GiftApi
from simulator.wire import BadRequestError, Request, read_request

API_PATH = "/api/gift_code"
CONFIG_PATH = "/api/gift_code_config"
FEED_PATH = "/feed"
#: Gone since July 2026; a client that still asks for them is an old one.
_OLD_PATHS = ("/api/player", "/api/captcha")


@dataclass(slots=True)
class Service:
    """Everything behind the port."""

    book: Book
    api: GiftApi
    feed: FeedApi
    config: ConfigApi

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection until either side closes it."""
        try:
            await self._converse(reader, writer)
        except (ConnectionError, TimeoutError):
            pass  # The client went away; what had to be noted has been.
        except asyncio.CancelledError:
            # The simulator stops. Swallowed, because Python 3.11 reports a cancelled connection as an error.
            writer.transport.abort()
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address: str = writer.get_extra_info("peername")[0]
        goes_on = True
        while goes_on:
            try:
                request = await read_request(reader, address)
            except BadRequestError as error:
                await json_answer({"error": str(error)}, 400).send(writer)
                return
            if request is None:
                return
            goes_on = await self._answer(request, writer) and request.keeps_alive

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        if request.path == API_PATH and request.method == "POST":
            return await self._answer_gift(request, writer)
        if request.path == CONFIG_PATH and request.method == "POST":
            answer, call = self.config.respond(request)
            call["status"] = answer.status
            self.book.ledger.close_config_call(call)
            return await answer.send(writer)
        if request.path == FEED_PATH:
            return await self._answer_feed(request, writer)
        return await self._plain(request).send(writer)

    async def _answer_gift(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        ending, entry = await self.api.respond(request)
        entry.status = ending.status
        # Before the answer leaves: who has read it may kill this process at once. And again when the exchange is over.
        self.book.ledger.close(entry)
        try:
            return await ending.send(writer)
        finally:
            entry.answered_at = self.book.clock()
            self.book.ledger.close(entry)

    async def _answer_feed(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        ending, call = await self.feed.respond(request)
        call["status"] = ending.status
        self.book.ledger.close_feed_call(call)
        return await ending.send(writer)

    def _plain(self, request: Request) -> Ending:
        if request.path.startswith("/_sim/"):
            return control.respond(self.book, request)
        if request.path in _OLD_PATHS:
            self.book.ledger.violation(
                "old endpoint", self.book.clock(), method=request.method, path=request.path
            )
        return html_answer(405 if request.path in (API_PATH, CONFIG_PATH) else 404)
