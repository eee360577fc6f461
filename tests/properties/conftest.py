from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture
def silence() -> Iterator[None]:
    """A thousand steps tell a long story, of which the failing one is printed anyway."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
