"""A worker goes on when a list of the broker has an element that is not a message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import redis

from tests.system.machinery import system
from tests.waiting import wait_for

pytestmark = pytest.mark.system

_TICKED = "SELECT extract(epoch FROM at) FROM giftcodes_heartbeat WHERE name = 'tick'"
_NOT_MESSAGES: list[bytes] = [
    b"x",
    b"",
    b"\xff\x00",
    b"[]",
    b"7",
    b'"text"',
    b"{}",
    b"[" * 100_000,
    *(
        json.dumps(element).encode()
        for element in (
            {"properties": 7},
            {"properties": {}},
            {"body": "!", "properties": {"body_encoding": "base64", "delivery_tag": "1"}},
            {"body": 7, "properties": {"delivery_tag": "2", "delivery_info": {}}},
            {"body": "e30=", "headers": 7, "properties": {"delivery_tag": "3"}},
            {
                "body": "e30=",
                "headers": {"task": "giftcodes.tasks.tick", "id": "4"},
                "content-type": "application/json",
                "content-encoding": "utf-8",
                "properties": {
                    "body_encoding": "base64",
                    "delivery_tag": "4",
                    "delivery_info": {"exchange": "", "routing_key": "control"},
                },
            },
        )
    ),
]


def test_a_worker_survives_elements_that_are_no_messages(tmp_path: Path) -> None:
    with (
        system(tmp_path) as running,
        redis.Redis.from_url(running.environment["REDIS_URL"]) as broker,
    ):
        for queue in ("control", "redeem"):
            for element in _NOT_MESSAGES * 3:
                broker.lpush(queue, element)
        running.start_workers()

        wait_for(
            lambda: broker.llen("control") == broker.llen("redeem") == 0, "the lists to be empty"
        )
        before = running.rows(_TICKED)
        wait_for(lambda: running.rows(_TICKED) > before, "a tick after that")

        assert {name: process.poll() for name, process in running.processes.items()} == {
            "control": None,
            "redeem": None,
            "beat": None,
        }
        for name in ("control", "redeem"):
            assert running.log(name).count("that are no messages of ours") == 1
            assert "Traceback" not in running.log(name)
