"""Clients that never finish a request take up no thread, so others are answered all the time."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.security.site import Caller, SlowCrowd, running_site

pytestmark = pytest.mark.system

#: How long the clients go on sending. `make attack` sets a minute.
HOLD_SECONDS = float(os.environ.get("HOLD_SECONDS", "5"))
CLIENTS = 50


def test_fifty_half_sent_requests_stop_neither_healthz_nor_a_login(tmp_path: Path) -> None:
    with running_site(tmp_path) as (_running, port):
        visitor = Caller(port)
        with SlowCrowd(Caller(port), clients=CLIENTS) as crowd:
            assert crowd.held == CLIENTS
            end = time.monotonic() + HOLD_SECONDS
            while True:
                # Without beat, /healthz answers with 503.
                assert visitor.ask("/healthz")[0] == 503
                assert visitor.log_in() == 302
                if time.monotonic() >= end:
                    break
        assert visitor.ask("/admin/")[0] == 200
