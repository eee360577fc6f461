from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture
def silence() -> Iterator[None]:
    """Disable logging, because Hypothesis itself prints the steps of a failing example."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
