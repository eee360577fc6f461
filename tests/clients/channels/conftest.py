from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.channels.standin import StandIn, running


@pytest.fixture
def discord() -> Iterator[StandIn]:
    with running() as standin:
        yield standin
