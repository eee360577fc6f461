"""A trace leads from the poll of a feed to the record of each answer, through several processes."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.system.machinery import system
from tests.waiting import wait_for

pytestmark = pytest.mark.system

PLAYERS = ("810000001", "810000002", "810000003")
CODES = ("FROST26", "FROST27", "FROST28", "FROST29", "FROST30", "FROST31")
#: How the spans above an answer are named when no tick and no catch-up came first.
WAY_FROM_THE_POLL = "redeem_member < dispatch < fan_out < poll"


class Collector:
    """What was sent: the raw bodies, and the spans in them."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.bodies: list[bytes] = []

    @property
    def spans(self) -> list[Any]:
        found = []
        for body in list(self.bodies):
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                found += [span for scope in resource.scope_spans for span in scope.spans]
        return found


@contextmanager
def collector_stand_in() -> Iterator[Collector]:
    """Listen until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            found.bodies.append(body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Collector(server.server_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_trace_leads_from_the_poll_to_the_record_of_each_answer(tmp_path: Path) -> None:
    secrets = {"SIMULATOR_SALT": "a-salt-of-a-game", "DISCORD_TOKEN": "a-token-of-the-bot"}
    with (
        collector_stand_in() as collector,
        system(
            tmp_path,
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_BSP_SCHEDULE_DELAY="200",
            **secrets,
        ) as running,
    ):
        running.start_game("--players", "0", "--rate", "unlimited")
        running.environment |= {
            "SIMULATOR_API_URL": f"{running.game_url}/api/gift_code",
            "SIMULATOR_FEED_URL": f"{running.game_url}/feed",
            "SIMULATOR_POLL_SECONDS": "3",
        }
        running.world(players={player: {"realm": 7} for player in PLAYERS})
        running.manage("add_guild", "Amber", "--provider", "simulator", "--realm", "7")
        listing = tmp_path / "members.txt"
        listing.write_text("\n".join(PLAYERS), encoding="utf-8")
        running.manage("import_members", str(listing), "--guild", "Amber")
        running.start_workers()
        # A tick or a catch-up at the same moment may claim a code's redemptions before the fan-out
        # does. So codes are published until the answers for one of them lead to its poll.
        for number, _ in enumerate(CODES, start=1):
            published = CODES[:number]
            running.world(
                codes={code: {} for code in published},
                feed=[f"{code} 24.12.2099" for code in published],
            )
            wait_for_answers(collector, number * len(PLAYERS))
            if any(way.names.endswith(WAY_FROM_THE_POLL) for way in ways(collector)):
                break

    found = {way.names for way in ways(collector)}
    assert all(names.startswith("record < redeem_member < ") for names in found), found
    assert any(names.endswith(WAY_FROM_THE_POLL) for names in found), found
    polls = {span.trace_id for span in named(collector, "feed")}
    assert polls & {span.trace_id for span in named(collector, "record")}
    values = [
        {one.key: one.value.string_value or one.value.int_value for one in span.attributes}
        for span in named(collector, "request")
    ]
    assert {value["redeemer.outcome"] for value in values} == {"success"}
    hidden = [*secrets.values(), *PLAYERS, *CODES, "Amber", running.environment["SECRET_KEY"]]
    sent = b"\n".join(collector.bodies)
    assert not [text for text in hidden if text.encode() in sent]


class Way(NamedTuple):
    """The spans from the record of an answer up to the root of its trace."""

    names: str
    is_whole: bool


def ways(collector: Collector) -> list[Way]:
    by_id = {span.span_id: span for span in collector.spans}
    found = []
    for record in named(collector, "record"):
        way = [record]
        while (above := by_id.get(way[-1].parent_span_id)) is not None:
            way.append(above)
        names = " < ".join(span.name for span in way)
        found.append(Way(names, is_whole=not way[-1].parent_span_id))
    return found


def wait_for_answers(collector: Collector, number: int) -> None:
    """Wait for the records of so many answers, and for all spans above them."""
    wait_for(lambda: len(named(collector, "record")) >= number, "all answers")
    wait_for(lambda: all(way.is_whole for way in ways(collector)), "the spans above the records")


def named(collector: Collector, name: str) -> list[Any]:
    return [span for span in collector.spans if span.name == name]
