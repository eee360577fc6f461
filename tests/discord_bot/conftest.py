"""A simulated Discord for the tests of the bot."""

from __future__ import annotations

import pytest

from giftcodes.models import Guild
from tests.discord_bot import stage
from tests.discord_bot.stage import Play
from tests.factories import guild


@pytest.fixture
def play(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Runs a scenario: see `stage`."""
    # The bot uses the database in threads. The scenario itself may use it, too.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    return stage.run


@pytest.fixture
def wolves(transactional_db: None) -> Guild:
    return guild("Wolves")


@pytest.fixture
def pack(transactional_db: None) -> Guild:
    """A guild with members."""
    return guild("Wolves", members=3)


@pytest.fixture
def bears(transactional_db: None) -> Guild:
    """A guild that has nothing to do with the first server."""
    return guild("Bears")
